import { useState } from 'preact/hooks';
import { t } from './language';
import { Store, useStore } from './store';

/** What Chromium sends when the page can be installed; others have a menu for it. */
interface InstallEvent extends Event {
  prompt(): Promise<unknown>;
}

const offered = new Store<InstallEvent | undefined>(undefined);

addEventListener('beforeinstallprompt', (e) => {
  e.preventDefault(); // the browser's own bar would come at a time of its own
  offered.value = e as InstallEvent;
});
addEventListener('appinstalled', () => (offered.value = undefined));

const isInstalled = (): boolean => matchMedia('(display-mode: standalone)').matches;

/** Installs the page as an app, or says how; and makes a fresh start of its files, if they are suspected. */
export function Install() {
  const event = useStore(offered);
  const [away, setAway] = useState(false);
  return (
    <p class="install">
      {event && (
        <button type="button" class="button" data-testid="install" onClick={() => void event.prompt().then(() => (offered.value = undefined))}>
          {t('install')}
        </button>
      )}
      {!event && !isInstalled() && <span class="hint">{t('installHow')}</span>}
      <button type="button" class="button" data-testid="reset-app" title={t('resetAppHint')} onClick={() => void resetApp().then((begun) => setAway(!begun))}>
        {t('resetApp')}
      </button>
      {away && (
        <span class="hint" role="alert" data-testid="reset-refused">
          {t('resetAway')}
        </span>
      )}
    </p>
  );
}

/** Drops the kept page, so that all of it is fetched anew, and chats and models stay. False if there is no server to fetch it from: then the kept one stays, too. */
async function resetApp(): Promise<boolean> {
  if (!(await isThere())) return false;
  const registrations = (await navigator.serviceWorker?.getRegistrations()) ?? [];
  await Promise.all(registrations.map((r) => r.unregister()));
  if (globalThis.caches) await Promise.all((await caches.keys()).filter((name) => name.startsWith('tabseek-shell-')).map((name) => caches.delete(name)));
  location.reload();
  return true;
}

/** Milliseconds that the server has for an answer. */
const PATIENCE = 10_000;

/** Whether this page's own server answers. The script is the one file that the service worker does not keep. */
async function isThere(): Promise<boolean> {
  try {
    const response = await fetch('/sw.js', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    return response.ok && (response.headers.get('content-type') ?? '').includes('javascript'); // not a network's login page
  } catch {
    return false;
  }
}
