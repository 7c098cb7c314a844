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
  return (
    <p class="install">
      {event && (
        <button type="button" class="button" data-testid="install" onClick={() => void event.prompt().then(() => (offered.value = undefined))}>
          {t('install')}
        </button>
      )}
      {!event && !isInstalled() && <span class="hint">{t('installHow')}</span>}
      <button type="button" class="button" data-testid="reset-app" title={t('resetAppHint')} onClick={() => void resetApp()}>
        {t('resetApp')}
      </button>
    </p>
  );
}

/** Drops the kept page, so that all of it is fetched anew. Chats and models stay. */
async function resetApp(): Promise<void> {
  const registrations = (await navigator.serviceWorker?.getRegistrations()) ?? [];
  await Promise.all(registrations.map((r) => r.unregister()));
  if (globalThis.caches) await Promise.all((await caches.keys()).filter((name) => name.startsWith('tabseek-shell-')).map((name) => caches.delete(name)));
  location.reload();
}
