import type { Progress } from '../api/tabseek';
import type { LocalOffer } from './catalogue';
import { contextOf } from './device';
import { bytes, guess, parameters } from './format';
import { t, type PlainText } from './language';
import { ModelFacts } from './model-facts';

const PHASES: Record<Progress['phase'], PlainText> = { manifest: 'loadManifest', compile: 'loadCompile', download: 'loadDownload', weights: 'loadWeights' };

/** Shorter waits need no forecast. */
const FORECAST_SECONDS = 3;

/** 3.1 MB of 6.9 MB · 12 MB/s · about 4 s left */
function amounts({ loaded, total, bytesPerSecond }: Progress, paused: boolean): string {
  if (total === 0) return '';
  const parts = [t('amountOf', { loaded: bytes(loaded), total: bytes(total) })];
  if (bytesPerSecond > 0 && !paused) {
    parts.push(`${bytes(bytesPerSecond)}/s`);
    const left = (total - loaded) / bytesPerSecond;
    if (left > FORECAST_SECONDS) parts.push(t('timeLeft', { time: guess(left) }));
  }
  return parts.join(' · ');
}

interface LoadingProps {
  offer: LocalOffer;
  progress: Progress;
  paused: boolean;
  onPause: () => void;
  onResume: () => void;
  onCancel: () => void;
}

export function Loading({ offer, progress, paused, onPause, onResume, onCancel }: LoadingProps) {
  const { total, loaded, phase } = progress;
  const title = paused ? t('loadPaused') : t(PHASES[phase]);
  return (
    <section class="card loading" aria-label={t('loadingModel', { name: offer.name })}>
      <p class="loading-phase">
        <span>
          {title} <span class="muted">· {offer.name}</span>
        </span>
        {paused && (
          <button type="button" class="button primary" data-testid="resume" onClick={onResume}>
            {t('resume')}
          </button>
        )}
        {!paused && (
          <button type="button" class="button" data-testid="pause" onClick={onPause}>
            {t('pause')}
          </button>
        )}
        <button type="button" class="button" data-testid="cancel-load" onClick={onCancel}>
          {t('cancel')}
        </button>
      </p>
      <progress data-testid="download-progress" data-phase={paused ? 'paused' : phase} aria-label={title} max={total || 1} value={total ? loaded : undefined} />
      <p class="amounts">{amounts(progress, paused)}&nbsp;</p>
    </section>
  );
}

/** Asks before a large download, with what is known of the model. */
export function Consent({ offer, onLoad }: { offer: LocalOffer; onLoad: () => void }) {
  const size = bytes(offer.size);
  return (
    <section class="card consent">
      <h2>{t('loadQuestion', { name: offer.name })}</h2>
      <p>{t('loadConsent', { size, parameters: offer.params_total ? parameters(offer.params_total) : '–' })}</p>
      <ModelFacts offer={offer} context={contextOf(offer)} />
      <button type="button" class="button primary" data-testid="load" onClick={onLoad}>
        {t('loadOffer', { name: offer.name, size })}
      </button>
    </section>
  );
}
