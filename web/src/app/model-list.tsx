import { useEffect, useState } from 'preact/hooks';
import { deleteModel, storedModels, type StoredModel, type TabseekError } from '../api/tabseek';
import type { LocalOffer, Offer, RemoteOffer } from './catalogue';
import { asTabseekError } from './explain';
import { Failure } from './failure';
import { bytes, parameters } from './format';
import { t } from './language';
import { RemoteItem } from './remote-item';
import { persisted, usage } from './storage';
import { useStore } from './store';

interface Props {
  offers: Offer[];
  current?: Offer;
  /** The current one is loaded. */
  loaded: boolean;
  busy: boolean;
  onChoose: (offer: Offer) => void;
  onModel: (offer: RemoteOffer, model: string) => void;
}

/** A model that the server offers, or lies on this device, or both. */
interface Item {
  url: string;
  name: string;
  offer?: LocalOffer;
  stored?: StoredModel;
}

/** The server's models, and what lies on this device of them and of others. */
export function ModelList({ offers, current, loaded, busy, onChoose, onModel }: Props) {
  const [stored, setStored] = useState<StoredModel[]>([]);
  const [used, setUsed] = useState<number>();
  const [error, setError] = useState<TabseekError>();
  const promised = useStore(persisted);
  const look = async () => {
    setStored(await storedModels().catch(() => []));
    setUsed(await usage());
  };
  useEffect(() => void look(), []);
  const remove = (url: string) => void deleteModel(url).catch((e) => setError(asTabseekError(e))).then(look);
  return (
    <>
      <ul class="offers" aria-label={t('models')}>
        {itemsOf(offers.filter((o) => !o.remote), stored).map((item) => (
          <ModelItem key={item.url} item={item} loaded={loaded && item.offer === current} busy={busy} onChoose={onChoose} onDelete={() => remove(item.url)} />
        ))}
        {offers.filter((o) => o.remote === true).map((offer) => (
          <RemoteItem key={offer.url} offer={offer} chosen={loaded && offer === current} busy={busy} onChoose={onChoose} onModel={onModel} />
        ))}
      </ul>
      {error && <Failure error={error} />}
      {used !== undefined && (
        <p class="hint" data-testid="storage">
          {t('storageUsed', { size: bytes(used) })} {promised !== undefined && t(promised ? 'storagePersisted' : 'storageBestEffort')}
        </p>
      )}
    </>
  );
}

function itemsOf(offers: LocalOffer[], stored: StoredModel[]): Item[] {
  const left = new Map(stored.map((s) => [s.url, s]));
  const items = offers.map((offer): Item => {
    const url = new URL(offer.url, location.href).href;
    const item = { url, name: offer.name, offer, stored: left.get(url) };
    left.delete(url);
    return item;
  });
  return [...items, ...[...left.values()].map((s): Item => ({ url: s.url, name: s.name, stored: s }))];
}

interface ItemProps {
  item: Item;
  loaded: boolean;
  /** Models cannot be changed in the middle of an answer. */
  busy: boolean;
  onChoose: (offer: LocalOffer) => void;
  onDelete: () => void;
}

function ModelItem({ item: { name, offer, stored }, loaded, busy, onChoose, onDelete }: ItemProps) {
  const [asking, setAsking] = useState(false);
  return (
    <li data-testid="model-item" aria-current={loaded ? 'true' : undefined}>
      <strong>{name}</strong>
      <span>{factsOf(offer, stored)}</span>
      <span class="actions">
        {offer && (
          <button type="button" class="button" data-testid="load" disabled={busy || loaded} onClick={() => onChoose(offer)}>
            {loaded ? t('loaded') : t('load')}
          </button>
        )}
        {stored && !asking && (
          <button type="button" class="button" data-testid="delete-model" aria-label={`${t('deleteModel')}: ${name}`} onClick={() => setAsking(true)}>
            {t('deleteModel')}
          </button>
        )}
        {stored && asking && (
          <>
            <button type="button" class="button alarming" data-testid="confirm" onClick={() => (setAsking(false), onDelete())}>
              {t('deleteConfirm', { size: bytes(stored.own) })}
            </button>
            <button type="button" class="button" onClick={() => setAsking(false)}>
              {t('cancel')}
            </button>
          </>
        )}
      </span>
    </li>
  );
}

function factsOf(offer: LocalOffer | undefined, stored: StoredModel | undefined): string {
  const facts = [offer ? t('modelFacts', { parameters: parameters(offer.params_total), size: bytes(offer.size) }) : bytes(stored!.size)];
  if (stored) facts.push(stored.stored >= stored.size ? t('onDevice') : t('partOnDevice', { stored: bytes(stored.stored) }));
  if (!offer) facts.push(t('noLongerOffered'));
  return facts.join(' · ');
}
