import { useEffect, useRef, useState } from 'preact/hooks';
import { deleteModel, storedModels, TabseekError, type StoredModel } from '../api/tabseek';
import type { LocalOffer, Offer, RemoteOffer } from './catalogue';
import { asTabseekError } from './explain';
import { chooseContext, contextOf, contextsOf, examine } from './device';
import { Failure } from './failure';
import { bytes, count, parameters } from './format';
import { t } from './language';
import { ModelFacts } from './model-facts';
import { absoluteURL, forgetOwn, offerOfStored, ownOffers } from './own';
import { offerOfAddress, offerOfFiles } from './own-files';
import { RemoteItem } from './remote-item';
import { persisted, usage } from './storage';
import { useStore } from './store';

interface Props {
  offers: Offer[];
  current?: Offer;
  /** The current one is loaded, with this context. */
  loaded: boolean;
  context?: number;
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
export function ModelList({ offers, current, loaded, context, busy, onChoose, onModel }: Props) {
  const [stored, setStored] = useState<StoredModel[]>([]);
  const [used, setUsed] = useState<number>();
  const [error, setError] = useState<TabseekError>();
  const promised = useStore(persisted);
  const look = async () => {
    setStored(await storedModels().catch(() => []));
    setUsed(await usage());
  };
  useEffect(() => void look(), []);
  useEffect(() => {
    if (!busy) void examine().catch(() => {}); // of which the page tells when a model is chosen
  }, []);
  const remove = (url: string) => void deleteModel(url).then(() => forgetOwn(url)).catch((e) => setError(asTabseekError(e))).then(look);
  const take = (offer: Promise<LocalOffer | undefined>) => {
    setError(undefined);
    offer.then((o) => {
      if (!o) throw new TabseekError('bad_model', t('ownNoModel'));
      onChoose(o);
    }).catch((e: unknown) => setError(asTabseekError(e)));
  };
  return (
    <>
      <ul class="offers" aria-label={t('models')}>
        {itemsOf(offers.filter((o) => !o.remote), stored).map((item) => (
          <ModelItem key={item.url} item={item} context={loaded && current && item.url === absoluteURL(current) ? context : undefined} busy={busy} onChoose={onChoose} onDelete={() => remove(item.url)} />
        ))}
        {offers.filter((o) => o.remote === true).map((offer) => (
          <RemoteItem key={offer.url} offer={offer} chosen={loaded && offer === current} busy={busy} onChoose={onChoose} onModel={onModel} />
        ))}
      </ul>
      <Own busy={busy} onTake={take} />
      {error && <Failure error={error} />}
      {used !== undefined && (
        <p class="hint" data-testid="storage">
          {t('storageUsed', { size: bytes(used) })} {promised !== undefined && t(promised ? 'storagePersisted' : 'storageBestEffort')}
        </p>
      )}
    </>
  );
}

function itemsOf(listed: LocalOffer[], stored: StoredModel[]): Item[] {
  const offers = [...listed, ...ownOffers().filter((own) => stored.some((s) => s.url === own.url) && !listed.some((o) => absoluteURL(o) === own.url))];
  const left = new Map(stored.map((s) => [s.url, s]));
  const items = offers.map((offer): Item => {
    const url = absoluteURL(offer);
    const item = { url, name: offer.name, offer, stored: left.get(url) };
    left.delete(url);
    return item;
  });
  return [...items, ...[...left.values()].map((s): Item => ({ url: s.url, name: s.name, stored: s }))];
}

interface ItemProps {
  item: Item;
  /** It is loaded, with this context. */
  context?: number;
  /** Models cannot be changed in the middle of an answer. */
  busy: boolean;
  onChoose: (offer: LocalOffer) => void;
  onDelete: () => void;
}

function ModelItem({ item: { name, offer, stored }, context: loadedWith, busy, onChoose, onDelete }: ItemProps) {
  const [asking, setAsking] = useState(false);
  const model = offer ?? offerOfStored(stored!);
  const [context, setContext] = useState(() => contextOf(model));
  const contexts = contextsOf(model);
  const loaded = loadedWith !== undefined && (contexts.length === 0 || loadedWith === context);
  const choose = (n: number) => {
    chooseContext(model, n);
    setContext(n);
  };
  return (
    <li data-testid="model-item" aria-current={loadedWith !== undefined ? 'true' : undefined}>
      <strong>{name}</strong>
      <span>{factsOf(offer, stored)}</span>
      <span class="actions">
        <button type="button" class="button" data-testid="load" disabled={busy || loaded} onClick={() => onChoose(model)}>
          {loaded ? t('loaded') : t('load')}
        </button>
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
      <div class="about">
        <ModelFacts offer={model} context={context} />
        {contexts.length > 1 && (
          <label>
            {t('context')}
            <select data-testid="model-context" value={String(context)} disabled={busy} onChange={(e) => choose(Number(e.currentTarget.value))}>
              {[...new Set([...contexts, context])].sort((a, b) => a - b).map((n) => (
                <option key={n} value={String(n)}>
                  {t('tokenCount', { count: count(n) })}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
    </li>
  );
}

/** A packed folder, or an address: how the user brings a model that no list has. */
function Own({ busy, onTake }: { busy: boolean; onTake: (offer: Promise<LocalOffer | undefined>) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const take = (e: { currentTarget: HTMLInputElement }) => {
    onTake(offerOfFiles([...(e.currentTarget.files ?? [])]));
    e.currentTarget.value = '';
  };
  const onSubmit = (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    onTake(offerOfAddress(String(new FormData(e.currentTarget).get('address')).trim()));
  };
  return (
    <section class="own" aria-label={t('ownModels')}>
      <h3>{t('ownModels')}</h3>
      <p class="hint">{t('ownHint')}</p>
      <form onSubmit={onSubmit}>
        <input ref={input} type="file" multiple hidden data-testid="own-folder-input" onChange={take} {...{ webkitdirectory: true }} />
        <button type="button" class="button" data-testid="own-folder" disabled={busy} onClick={() => input.current!.click()}>
          {t('ownFolder')}
        </button>
        <input name="address" data-testid="own-address" aria-label={t('ownAddress')} placeholder={t('ownAddress')} autocomplete="off" dir="ltr" required />
        <button type="submit" class="button" data-testid="own-load" disabled={busy}>
          {t('load')}
        </button>
      </form>
    </section>
  );
}

function factsOf(offer: LocalOffer | undefined, stored: StoredModel | undefined): string {
  const facts = [offer?.params_total ? t('modelFacts', { parameters: parameters(offer.params_total), size: bytes(offer.size) }) : bytes(offer?.size ?? stored!.size)];
  if (stored) facts.push(stored.stored >= stored.size ? t('onDevice') : t('partOnDevice', { stored: bytes(stored.stored) }));
  if (!offer) facts.push(t('noLongerOffered'));
  return facts.join(' · ');
}
