import type { Capabilities } from '../api/tabseek';
import type { Offer, RemoteOffer } from './catalogue';
import { count } from './format';
import { Icon } from './icons';
import { t } from './language';
import { known, knownOf } from './remotes';
import { useStore } from './store';

interface Props {
  offer: RemoteOffer;
  chosen: boolean;
  /** Models cannot be changed in the middle of an answer. */
  busy: boolean;
  onChoose: (offer: Offer) => void;
  onModel: (offer: RemoteOffer, model: string) => void;
}

/** A model elsewhere, and what is known of it. */
export function RemoteItem({ offer, chosen, busy, onChoose, onModel }: Props) {
  useStore(known);
  const { model, models, cards } = knownOf(offer);
  const card = model === undefined ? undefined : cards[model];
  return (
    <li data-testid="model-item" data-remote aria-current={chosen ? 'true' : undefined}>
      <strong>{offer.name}</strong>
      <span class="leaves">
        <Icon name="leave" />
        {t('leaves')}
      </span>
      <span class="actions">
        <button type="button" class="button" data-testid="load" disabled={busy || chosen} onClick={() => onChoose(offer)}>
          {t(chosen ? 'inUse' : 'use')}
        </button>
      </span>
      <div class="about">
        {model === undefined && <p class="hint">{t('remoteNotAsked')}</p>}
        {model !== undefined && (
          <label>
            {t('remoteModel')}
            <select data-testid="remote-model" disabled={!chosen || busy || models.length < 2} value={model} onChange={(e) => onModel(offer, e.currentTarget.value)}>
              {models.map(({ id }) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </label>
        )}
        {(card || chosen) && model !== undefined && <Card card={card} />}
      </div>
    </li>
  );
}

/** What a server can do with a model, as far as it was found out. */
function Card({ card }: { card?: Capabilities }) {
  const said = (can: boolean | undefined) => (card ? t(can === undefined ? 'notKnown' : can ? 'yes' : 'notSupported') : t('beingTried'));
  const rows: [string, string][] = [
    [t('cardContext'), card?.context ? t('tokenCount', { count: count(card.context) }) : said(undefined)],
    [t('cardN'), said(card?.n)],
    [t('cardLogprobs'), said(card?.logprobs)],
    [t('cardBudgets'), said(card?.budgets)],
  ];
  return (
    <dl class="facts" data-testid="capabilities">
      {rows.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
