import { useState } from 'preact/hooks';
import { languageChoice, t } from './language';
import type { Shell } from './shell';
import { useStore } from './store';

/** Offers a new version of the page. */
export function Update({ shell }: { shell: Shell }) {
  useStore(languageChoice);
  const update = useStore(shell.update);
  const [refused, setRefused] = useState(false);
  const [later, setLater] = useState<ServiceWorker>();
  if (!update || update === later) return null;
  const takeOver = async () => setRefused(!(await shell.takeOver()));
  return (
    <div class="notice" role="status" data-testid="update-ready">
      <span>{refused ? t('updateBusy') : t('updateReady')}</span>
      <button type="button" class="button primary" onClick={() => void takeOver()}>
        {t('updateNow')}
      </button>
      <button type="button" class="button" onClick={() => setLater(update)}>
        {t('updateLater')}
      </button>
    </div>
  );
}
