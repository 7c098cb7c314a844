// What each kernel takes on this device: /bench. `window.tabseekBench(shape)` times one product, for scripts that compare runtimes.

import './bench.css';
import { render } from 'preact';
import { load, type Engine, type Measure, type Measured } from '../api/tabseek';
import { withTenth } from '../app/format';
import { followLanguage } from '../app/language';
import { Store, useStore } from '../app/store';
import { followTheme } from '../app/theme';
import { Roofline, type Limits } from './roofline';
import { t } from './tell';

interface Phases {
  prefill_tokens_per_second: number;
  decode_tokens_per_second: number;
}

interface Report {
  model: string;
  device: string;
  profile: string;
  date: string;
  batch: number;
  depth: number;
  phases: Phases;
  limits: Limits;
  kernels: Measured[];
}

const state = new Store<'loading' | 'ready' | 'running' | 'failed'>('loading');
const note = new Store('');
const report = new Store<Report | undefined>(undefined);
const batch = new Store(1);
const depth = new Store(512);

const model = new URLSearchParams(location.search).get('model') ?? '/models/pocket';
const engine: Promise<Engine> = load(model, { onProgress: (p) => (note.value = `${p.phase}: ${Math.round((100 * p.loaded) / Math.max(p.total, 1))} %`) });

const limitsOf = (list: Measured[]): Limits => ({ read: list[0]!.bytes / list[0]!.nanoseconds, compute: list[1]!.flops / list[1]!.nanoseconds });
const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** The median of five measurements of a product, in milliseconds. */
async function tabseekBench(shape: Required<Pick<Measure, 'rows' | 'columns' | 'format'>> & Pick<Measure, 'batch'>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) times.push((await (await engine).measure(shape)).at(-1)!.nanoseconds / 1e6);
  return middle(times);
}
Object.assign(window, { tabseekBench });

async function run(): Promise<void> {
  state.value = 'running';
  try {
    const e = await engine;
    note.value = t('benchModel');
    const prompt = Array.from({ length: 64 }, (_, i) => (i * 37) % e.info.vocab_size);
    const speak = () => e.generate(prompt.map((id) => (id + Math.floor(Math.random() * 1000)) % e.info.vocab_size), { max_tokens: 64, temperature: 0, ignore_eos: true });
    await speak(); // the first of everything is slow
    const { stats } = await speak();
    note.value = t('benchKernels');
    const list = await e.measure({ batch: batch.value, depth: Math.min(depth.value, e.info.context - 1) });
    report.value = {
      model: e.info.name, device: stats.device, profile: stats.profile, date: new Date().toISOString(), batch: batch.value, depth: depth.value,
      phases: { prefill_tokens_per_second: stats.prompt_tokens / stats.prefill_seconds, decode_tokens_per_second: stats.completion_tokens / stats.decode_seconds },
      limits: limitsOf(list), kernels: list.slice(2),
    };
    note.value = '';
    state.value = 'ready';
  } catch (e) {
    fail(e);
  }
}

function fail(e: unknown): void {
  note.value = e instanceof Error ? e.message : String(e);
  state.value = 'failed';
}

function save(): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(report.value, null, 1)], { type: 'application/json' }));
  link.download = 'tabseek-bench.json';
  link.click();
  URL.revokeObjectURL(link.href);
}

function Kernels({ limits, kernels }: Report) {
  const total = kernels.reduce((sum, k) => sum + k.count * k.nanoseconds, 0);
  const share = (k: Measured) => Math.max(k.bytes / k.nanoseconds / limits.read, k.flops / k.nanoseconds / limits.compute);
  return (
    <div class="table">
      <table>
        <thead>
          <tr><th>{t('benchKernel')}</th><th>{t('benchTimes')}</th><th>µs</th><th>{t('benchShare')}</th><th>GB/s</th><th>GFLOP/s</th><th>{t('benchLimit')}</th></tr>
        </thead>
        <tbody>
          {kernels.toSorted((a, b) => b.count * b.nanoseconds - a.count * a.nanoseconds).map((k, i) => (
            <tr key={i} data-testid="kernel" title={k.program}>
              <td>{k.kernel}</td>
              <td>{k.count}</td>
              <td>{(k.nanoseconds / 1e3).toFixed(1)}</td>
              <td>{((100 * k.count * k.nanoseconds) / total).toFixed(1)} %</td>
              <td>{(k.bytes / k.nanoseconds).toFixed(2)}</td>
              <td>{(k.flops / k.nanoseconds).toFixed(2)}</td>
              <td>{(100 * share(k)).toFixed(1)} %</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Bench() {
  const r = useStore(report);
  for (const store of [state, note, batch, depth] as Store<unknown>[]) useStore(store);
  return (
    <>
      <h1>{t('benchTitle')}</h1>
      <p>{t('benchHint')}</p>
      <div class="bar">
        <label>
          {t('benchSequences')}
          <select value={batch.value} onChange={(e) => (batch.value = Number(e.currentTarget.value))}>
            {[1, 2, 4, 8].map((n) => <option key={n} value={n}>{n}</option>)}
          </select>
        </label>
        <label>
          {t('benchPosition')}
          <input type="number" min={0} value={depth.value} onInput={(e) => (depth.value = Number(e.currentTarget.value))} />
        </label>
        <button data-testid="run" disabled={state.value !== 'ready'} onClick={() => void run()}>{t('benchMeasure')}</button>
        {r && <button data-testid="save" onClick={save}>{t('benchSave')}</button>}
        <span role="status" data-testid="note">{note.value}</span>
      </div>
      {r && (
        <>
          <p data-testid="summary">
            {t('benchSummary', {
              model: r.model, device: r.device, profile: r.profile, read: withTenth(r.limits.read), compute: withTenth(r.limits.compute),
              prefill: withTenth(r.phases.prefill_tokens_per_second), decode: withTenth(r.phases.decode_tokens_per_second),
            })}
          </p>
          <Roofline limits={r.limits} kernels={r.kernels} />
          <Kernels {...r} />
        </>
      )}
    </>
  );
}

followTheme();
followLanguage();
render(<Bench />, document.getElementById('bench')!);
engine.then((e) => {
  note.value = e.info.name;
  state.value = 'ready';
}, fail);
