import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Engine, Stats } from '../api/tabseek';
import type { Live } from './chats/answer';
import { contextUsed } from './chats/panel';
import type { Message } from './chats/record';
import { Dialog } from './dialog';
import { ExpertMap } from './experts';
import { bytes, count, duration, rate, withTenth } from './format';
import { t } from './language';
import { changeSettings, settings } from './settings';
import { useStore } from './store';

interface Props {
  engine?: Engine;
  /** The answer under way, or the last one. */
  live?: Live;
  answer?: Message;
  onClose: () => void;
}

/** What is happening: how fast, how many bytes, how long, and what it costs. */
export function Activity({ engine, live, answer, onClose }: Props) {
  const stats = useStats(engine, live?.stage === 'done');
  const speed = answer?.tokens_per_second;
  return (
    <Dialog title={t('activity')} onClose={onClose}>
      {!engine && <p>{t('noModel')}</p>}
      {engine && (
        <>
          <Figure title={t('speedOverTime')} value={speed ? rate(speed) : ''}>
            <Curve values={live?.speeds ?? []} />
          </Figure>
          <BytesPerToken engine={engine} used={contextUsed(answer ?? {})} />
          {engine.info.attention === 'MLA' && <Cache engine={engine} used={contextUsed(answer ?? {})} />}
          <Ledger engine={engine} stats={stats} batch={Math.min(answer?.panel?.lanes.length || 1, engine.info.sequences)} />
          {stats && <Drafts stats={stats} />}
          <ExpertMap engine={engine} live={live} />
          {stats && stats.completion_tokens > 0 && <Times stats={stats} />}
          {stats && stats.completion_tokens > 0 && <Costs stats={stats} engine={engine} />}
        </>
      )}
    </Dialog>
  );
}

function useStats(engine: Engine | undefined, done: boolean): Stats | undefined {
  const [stats, setStats] = useState<Stats>();
  useEffect(() => {
    engine?.stats().then(setStats, () => {}); // an engine that failed has none
  }, [engine, done]);
  return stats;
}

function Figure({ title, value, children }: { title: string; value: string; children: JSX.Element }) {
  return (
    <figure class="figure">
      <figcaption>
        <span>{title}</span>
        <strong>{value}</strong>
      </figcaption>
      {children}
    </figure>
  );
}

const WIDTH = 400;
const HEIGHT = 60;

/** The line under the values, from left to right. */
function Curve({ values }: { values: number[] }) {
  const top = Math.max(1, ...values);
  const x = (i: number) => (WIDTH * i) / Math.max(1, values.length - 1);
  const points = values.map((v, i) => `${x(i).toFixed(1)},${(HEIGHT - (HEIGHT - 2) * (v / top)).toFixed(1)}`);
  return (
    <svg class="curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={t('speedOverTime')}>
      {points.length > 1 && <polygon points={`0,${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}`} />}
      {points.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}

/** What is read for each token, by what it is for: the active weights, and the cached rows of all tokens before it. */
function BytesPerToken({ engine: { info }, used }: { engine: Engine; used: number }) {
  const { attention, routed, shared, head, other } = info.bytes_by_part;
  const parts: [name: string, key: string, bytes: number][] = [
    [t('partAttention'), 'attention', attention],
    [t('partRouted'), 'routed', routed],
    [t('partShared'), 'shared', shared],
    [t('partHead'), 'head', head],
    [t('partOther'), 'other', other],
    [t('partCache', { tokens: count(used) }), 'cache', used * info.kv_bytes_per_token],
  ];
  const total = parts.reduce((sum, [, , n]) => sum + n, 0);
  let at = 0;
  return (
    <Figure title={t('bytesPerToken')} value={bytes(total)}>
      <>
        <svg class="stack" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          {parts.map(([, key, n]) => {
            const width = (100 * n) / Math.max(total, 1);
            at += width;
            return <rect key={key} class={key} x={at - width} width={width} height="4" />;
          })}
        </svg>
        <ul class="legend">
          {parts.filter(([, , n]) => n > 0).map(([name, key, n]) => (
            <li key={key} class={key} data-part={key} data-bytes={n}>
              {name} {bytes(n)}
            </li>
          ))}
        </ul>
      </>
    </Figure>
  );
}

/** The cache as it is kept, and as it would be with keys and values of every head. */
function Cache({ engine: { info }, used }: { engine: Engine; used: number }) {
  const rows: [name: string, key: string, bytes: number][] = [
    [t('cacheKept'), 'kept', info.kv_bytes_per_token],
    [t('cacheExpanded'), 'expanded', info.kv_bytes_per_token_expanded],
  ];
  const most = Math.max(...rows.map(([, , n]) => n), 1);
  const tokens = Math.max(used, 1);
  return (
    <Figure title={t('cacheOf', { tokens: count(tokens) })} value={`${withTenth(info.kv_bytes_per_token_expanded / info.kv_bytes_per_token)} ×`}>
      <>
        {rows.map(([name, key, n]) => (
          <div key={key} class="cache-row" data-cache={key} data-bytes={n * tokens}>
            <svg class="stack" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
              <rect class={key} width={(100 * n) / most} height="4" />
            </svg>
            <span class="hint">
              {name} {bytes(n * tokens)}
            </span>
          </div>
        ))}
      </>
    </Figure>
  );
}

/** Why so few bytes: what dense weights of 32 bits and the cache of every head would take for a token, and what divides it. */
function Ledger({ engine: { info }, stats, batch }: { engine: Engine; stats?: Stats; batch: number }) {
  const factors: [name: string, key: string, factor: number][] = [
    [t('factorBits'), 'bits', (4 * info.params_active) / info.bytes_per_token],
    [t('factorRouting'), 'routing', info.params_total / info.params_active],
    [t('factorLatent'), 'latent', info.kv_bytes_per_token_expanded / info.kv_bytes_per_token],
    [t('factorDrafts'), 'drafts', stats?.tokens_per_pass ?? 1],
    [t('factorBatch'), 'batch', batch],
  ];
  const dense = 4 * info.params_total;
  return (
    <Figure title={t('ledger')} value={`${withTenth(dense / info.bytes_per_token)} ×`}>
      <>
        <p class="hint">{t('ledgerParts', { dense: bytes(dense), actual: bytes(info.bytes_per_token) })}</p>
        <dl class="facts">
          {factors.map(([name, key, factor]) => (
            <div key={key} data-factor={key}>
              <dt>{name}</dt>
              <dd>{withTenth(factor)} ×</dd>
            </div>
          ))}
        </dl>
      </>
    </Figure>
  );
}

/** How many guessed tokens were right. */
function Drafts({ stats: { drafted = 0, accepted = 0, tokens_per_pass = 1 } }: { stats: Stats }) {
  if (drafted === 0) return null;
  return (
    <Figure title={t('drafts')} value={`${Math.round((100 * accepted) / drafted)} %`}>
      <p class="hint" data-testid="drafts">
        {t('draftParts', { accepted: count(accepted), drafted: count(drafted), perPass: withTenth(tokens_per_pass) })}
      </p>
    </Figure>
  );
}

function Times({ stats }: { stats: Stats }) {
  const rows: [string, number][] = [
    [t('timeLoad'), stats.load_seconds],
    [t('timeRead'), stats.prefill_seconds],
    [t('timeWrite'), stats.decode_seconds],
    [t('timeEngine'), stats.guest_seconds],
  ];
  return (
    <dl class="facts">
      {rows.map(([name, seconds]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{duration(seconds)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The last answer's energy at a wattage the user sets, beside the price of an API that the user types. */
function Costs({ stats, engine }: { stats: Stats; engine: Engine }) {
  const { watts = 100, price = 0 } = useStore(settings);
  const seconds = stats.prefill_seconds + stats.decode_seconds;
  const moved = stats.completion_tokens * engine.info.bytes_per_token;
  const number = (key: 'watts' | 'price', label: string, value: number) => (
    <div class="field">
      <label for={`cost-${key}`}>{label}</label>
      <input id={`cost-${key}`} type="number" min={0} step="any" value={value} onInput={(e) => changeSettings({ [key]: Math.max(0, e.currentTarget.valueAsNumber || 0) })} />
    </div>
  );
  return (
    <section class="fields">
      {number('watts', t('watts'), watts)}
      {number('price', t('apiPrice'), price)}
      <p data-testid="cost">
        {t('cost', { time: duration(seconds), moved: bytes(moved), energy: ((seconds * watts) / 3600).toPrecision(2) })}
        {price > 0 && t('costElsewhere', { price: ((stats.completion_tokens * price) / 1e6).toPrecision(2) })}
      </p>
    </section>
  );
}
