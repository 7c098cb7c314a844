import { languageChoice, t } from './language';
import type { Loader } from './loader';
import { useStore } from './store';

const WORDS = { lost: 'gpuLost', waiting: 'gpuWaiting', restored: 'gpuRestored' } as const;

/** One line about a lost GPU, and what has come of it. */
export function RecoveryLine({ loader }: { loader: Loader }) {
  useStore(languageChoice);
  const recovery = useStore(loader.recovery);
  if (!recovery) return null;
  return (
    <div class="notice" role="status" data-testid="recovery" data-recovery={recovery.state} title={recovery.message}>
      {t(WORDS[recovery.state])}
    </div>
  );
}
