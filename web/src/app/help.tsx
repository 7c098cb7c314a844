import { useState } from 'preact/hooks';
import type { RemoteOffer } from './catalogue';
import { undecided, type Panel } from './chats/panel';
import { Dialog } from './dialog';
import { t } from './language';

/** More samples than this are not offered. */
const MOST_SAMPLES = 32;

interface Props {
  panel: Panel;
  /** Models elsewhere, which may know better. */
  offers: RemoteOffer[];
  onSample: (n: number) => void;
  /** Asks one of them, with what is enclosed. */
  onAsk: (offer: RemoteOffer, enclosed?: string) => void;
}

/** Where the samples do not agree: more of them, or a bigger model, which is asked only when the user says so. */
export function Help({ panel, offers, onSample, onAsk }: Props) {
  const [asking, setAsking] = useState<RemoteOffer>();
  const more = Math.min(MOST_SAMPLES, 2 * panel.n);
  return (
    <section class="help" data-testid="no-majority">
      <h3>{t(undecided(panel) ? 'noMajority' : 'littleAgreement')}</h3>
      <p>{t('noMajorityText')}</p>
      <p class="buttons">
        {more > panel.n && (
          <button type="button" class="button" data-testid="more-samples" onClick={() => onSample(more)}>
            {t('moreSamples', { count: more })}
          </button>
        )}
        {offers.map((offer) => (
          <button key={offer.url} type="button" class="button" data-testid="ask-elsewhere" aria-haspopup="dialog" onClick={() => setAsking(offer)}>
            {t('askElsewhere', { name: offer.name })}
          </button>
        ))}
      </p>
      {asking && <AskElsewhere offer={asking} panel={panel} onAsk={onAsk} onClose={() => setAsking(undefined)} />}
    </section>
  );
}

/** Nothing leaves this computer before the user agrees here. */
function AskElsewhere({ offer, panel, onAsk, onClose }: { offer: RemoteOffer; panel: Panel; onAsk: Props['onAsk']; onClose: () => void }) {
  const [enclose, setEnclose] = useState(false);
  const ask = () => {
    onClose();
    onAsk(offer, enclose ? attempts(panel) : undefined);
  };
  return (
    <Dialog title={t('askElsewhereTitle', { name: offer.name })} onClose={onClose}>
      <p>{t('askElsewhereText')}</p>
      <label class="check">
        <input type="checkbox" data-testid="enclose" checked={enclose} onChange={(e) => setEnclose(e.currentTarget.checked)} />
        <span>
          {t('encloseSamples')}
          <span class="hint">{t('encloseSamplesHint')}</span>
        </span>
      </label>
      <p class="buttons">
        <button type="button" class="button primary" data-testid="ask-elsewhere-now" onClick={ask}>
          {t('askElsewhereNow', { name: offer.name })}
        </button>
      </p>
    </Dialog>
  );
}

/** Of long thinking the end tells the most. */
const ENCLOSED_LENGTH = 4000;

function attempts({ lanes }: Panel): string {
  const texts = lanes.filter((l) => l.reasoning || l.content).map((l, i) => `Attempt ${i + 1}:\n${`${l.reasoning}\n${l.content}`.trim().slice(-ENCLOSED_LENGTH)}`);
  return ['A smaller model has tried this several times, and its attempts disagree. They may all be wrong.', ...texts].join('\n\n');
}
