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
          <Ledger engine={engine} />
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

/** What is read for each token: the active weights, and the cached rows of all tokens before it. */
function BytesPerToken({ engine: { info }, used }: { engine: Engine; used: number }) {
  const cache = used * info.kv_bytes_per_token;
  const total = info.bytes_per_token + cache;
  return (
    <Figure title={t('bytesPerToken')} value={bytes(total)}>
      <>
        <svg class="stack" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect class="weights" width={(100 * info.bytes_per_token) / total} height="4" />
          <rect class="cache" x={(100 * info.bytes_per_token) / total} width={(100 * cache) / total} height="4" />
        </svg>
        <p class="hint">{t(info.attention === 'MLA' ? 'bytesPartsLatent' : 'bytesParts', { weights: bytes(info.bytes_per_token), cache: bytes(cache), tokens: count(used) })}</p>
      </>
    </Figure>
  );
}

/** Why so few bytes: what dense weights of 32 bits would take, and what divides it. */
function Ledger({ engine: { info } }: { engine: Engine }) {
  const dense = 4 * info.params_total;
  const routing = info.params_total / info.params_active;
  const format = (4 * info.params_active) / info.bytes_per_token;
  return (
    <Figure title={t('ledger')} value={`${withTenth(dense / info.bytes_per_token)} ×`}>
      <p class="hint">{t('ledgerParts', { dense: bytes(dense), actual: bytes(info.bytes_per_token), routing: withTenth(routing), format: withTenth(format) })}</p>
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
