import type { Progress } from '../api/tabseek';
import type { Offer } from './catalogue';
import { bytes, guess, parameters } from './format';

const PHASES: Record<Progress['phase'], string> = {
  manifest: 'Reading the model’s description',
  compile: 'Preparing the GPU',
  download: 'Downloading',
  weights: 'Loading weights',
};

/** Shorter waits need no forecast. */
const FORECAST_SECONDS = 3;

/** 3.1 MB of 6.9 MB · 12 MB/s · about 4 s left */
function amounts({ loaded, total, bytesPerSecond }: Progress): string {
  if (total === 0) return '';
  const parts = [`${bytes(loaded)} of ${bytes(total)}`];
  if (bytesPerSecond > 0) parts.push(`${bytes(bytesPerSecond)}/s`);
  const left = (total - loaded) / bytesPerSecond;
  if (Number.isFinite(left) && left > FORECAST_SECONDS) parts.push(`${guess(left)} left`);
  return parts.join(' · ');
}

export function Loading({ offer, progress, onCancel }: { offer: Offer; progress: Progress; onCancel: () => void }) {
  const { total, loaded } = progress;
  return (
    <section class="card loading" aria-label={`Loading ${offer.name}`}>
      <p class="loading-phase">
        <span>
          {PHASES[progress.phase]} <span class="muted">· {offer.name}</span>
        </span>
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
      </p>
      <progress data-testid="progress" data-phase={progress.phase} aria-label={PHASES[progress.phase]} max={total || 1} value={total ? loaded : undefined} />
      <p class="amounts">{amounts(progress)}&nbsp;</p>
    </section>
  );
}

/** Asks before a large download. */
export function Consent({ offer, onLoad }: { offer: Offer; onLoad: () => void }) {
  return (
    <section class="card consent">
      <h2>Load {offer.name}?</h2>
      <p>
        The download is {bytes(offer.size)}, and the model takes about as much of the GPU’s memory. It has {parameters(offer.params_total)} parameters.
      </p>
      <button type="button" class="button primary" onClick={onLoad}>
        Load {offer.name}, {bytes(offer.size)}
      </button>
    </section>
  );
}
