// The page itself, kept by the service worker (sw.ts): it opens without a network, and a new version takes over when the user
// wants it and nothing runs, in no tab.

import { Store } from './store';
import { scriptURL } from './trusted';

/** Held, shared, by each tab that loads or answers; who takes over wants it alone. */
const BUSY = 'tabseek busy';

/** How often a page that stays open asks for a new version, in milliseconds. */
const CHECK_MS = 3_600_000;

export class Shell {
  /** A new version that waits to take over. */
  readonly update = new Store<ServiceWorker | undefined>(undefined);
  private registration: ServiceWorkerRegistration | undefined;

  /** Keeps the page from now on, where the browser can. */
  async start(): Promise<void> {
    const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
    if (!container) return;
    holdWhileBusy();
    let before = container.controller;
    container.addEventListener('controllerchange', () => {
      if (before) location.reload(); // the first one only takes up its work
      before = container.controller;
    });
    try {
      this.registration = await container.register(scriptURL('/sw.js'), { updateViaCache: 'none' });
    } catch {
      return; // some private windows keep nothing; and without a network, what was kept before is in use
    }
    this.registration.addEventListener('updatefound', () => this.registration!.installing?.addEventListener('statechange', () => this.offer()));
    this.offer();
    setInterval(() => void this.registration!.update().catch(() => {}), CHECK_MS);
  }

  private offer(): void {
    this.update.value = (navigator.serviceWorker.controller && this.registration!.waiting) ?? undefined;
  }

  /** Has the new version take over, which reloads all tabs; false if one of them is busy. */
  takeOver(): Promise<boolean> {
    return navigator.locks.request(BUSY, { ifAvailable: true }, async (free) => {
      if (!free) return false;
      this.update.value?.postMessage('take over');
      return new Promise<boolean>(() => {}); // until the page goes
    });
  }
}

/** Holds the lock as long as the document's state (app.tsx) says that something runs. */
function holdWhileBusy(): void {
  let release: (() => void) | undefined;
  const follow = () => {
    const busy = ['loading', 'generating'].includes(document.documentElement.dataset.state ?? '');
    if (busy === (release !== undefined)) return;
    if (!busy) {
      release!();
      release = undefined;
      return;
    }
    const done = new Promise<void>((resolve) => (release = resolve));
    void navigator.locks.request(BUSY, { mode: 'shared' }, () => done);
  };
  new MutationObserver(follow).observe(document.documentElement, { attributeFilter: ['data-state'] });
  follow();
}
