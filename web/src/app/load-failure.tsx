import { useState } from 'preact/hooks';
import { deleteModel, type TabseekError } from '../api/tabseek';
import type { LocalOffer, Offer } from './catalogue';
import { chooseContext, contextOf, smallerContext } from './device';
import { asTabseekError } from './explain';
import { Failure } from './failure';
import { bytes, count } from './format';
import { t } from './language';

interface Props {
  offer?: Offer;
  error: TabseekError;
  onRetry: () => void;
  /** Shows the models there are. */
  onModels: () => void;
}

/** A model that could not be loaded, with what can be done about it. */
export function LoadFailure({ offer, error, onRetry, onModels }: Props) {
  const local = offer && !offer.remote ? offer : undefined;
  return (
    <Failure error={error} onRetry={onRetry}>
      {error.code === 'out_of_memory' && <Smaller offer={local} fields={error.fields} onRetry={onRetry} onModels={onModels} />}
      {error.code === 'quota_exceeded' && <Room fields={error.fields} />}
    </Failure>
  );
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** How much memory was wanted, and what wants less. */
function Smaller({ offer, fields, onRetry, onModels }: { offer?: LocalOffer; fields: TabseekError['fields']; onRetry: () => void; onModels: () => void }) {
  const needed = numberOf(fields.needed);
  const most = numberOf(fields.max_binding_size);
  const smaller = offer && smallerContext(offer);
  const shrink = () => {
    chooseContext(offer!, smaller!);
    onRetry();
  };
  return (
    <>
      {needed !== undefined && most !== undefined && <p data-testid="memory-needed">{t('memoryNeeded', { needed: bytes(needed), most: bytes(most), context: offer ? count(contextOf(offer)) : '–' })}</p>}
      <p class="ways">
        {smaller !== undefined && (
          <button type="button" class="button" data-testid="smaller-context" onClick={shrink}>
            {t('smallerContext', { context: count(smaller) })}
          </button>
        )}
        <button type="button" class="button" data-testid="other-model" onClick={onModels}>
          {t('otherModel')}
        </button>
      </p>
    </>
  );
}

interface Deletable {
  url: string;
  name: string;
  bytes: number;
}

/** What could be deleted to make room. */
function Room({ fields }: { fields: TabseekError['fields'] }) {
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const [refused, setRefused] = useState<TabseekError>();
  const models = (Array.isArray(fields.models) ? (fields.models as Deletable[]) : []).filter((m) => !gone.has(m.url));
  const remove = ({ url }: Deletable) => void deleteModel(url).then(() => setGone(new Set([...gone, url])), (e) => setRefused(asTabseekError(e)));
  return (
    <>
      <p data-testid="room">{t('roomNeeded', { needed: bytes(numberOf(fields.needed) ?? 0), usage: bytes(numberOf(fields.usage) ?? 0) })}</p>
      <p class="ways">
        {models.map((m) => (
          <button key={m.url} type="button" class="button" data-testid="make-room" onClick={() => remove(m)}>
            {t('makeRoom', { name: m.name, size: bytes(m.bytes) })}
          </button>
        ))}
        {models.length === 0 && gone.size === 0 && t('nothingToDelete')}
      </p>
      {refused && <p role="alert">{refused.message}</p>}
    </>
  );
}
