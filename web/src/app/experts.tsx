import { useEffect, useRef, useState } from 'preact/hooks';
import type { Engine } from '../api/tabseek';
import type { Live } from './chats/answer';
import { count, withTenth } from './format';
import { t } from './language';

type Layers = number[][];

/** What an engine's counters were when its current answer began, and what they were last. */
interface Marks {
  before: Layers;
  after: Layers;
}

const marks = new WeakMap<Engine, Marks>();

/** So often the map is drawn anew while there is an answer under way, in milliseconds. */
const EVERY = 500;

/** Remembers where the counters stood when an answer began: at the end of the one before it. */
export function useMarks(engine: Engine | undefined, live: Live | undefined): void {
  const id = live?.id;
  const ended = !live || live.stage === 'done';
  useEffect(() => {
    if (!engine) return;
    const mark = marks.get(engine) ?? { before: [], after: [] };
    marks.set(engine, mark);
    if (ended) void engine.experts().then(({ layers }) => (mark.after = layers), () => {}); // an engine that failed has none
    else mark.before = mark.after;
  }, [engine, id, ended]);
}

/** What came after the marks. Counters begin anew where the GPU was replaced. */
function visitsSince(before: Layers, now: Layers): Layers {
  const anew = now.some((layer, i) => layer.some((n, j) => n < (before[i]?.[j] ?? 0)));
  return anew ? now : now.map((layer, i) => layer.map((n, j) => n - (before[i]?.[j] ?? 0)));
}

/** Which experts the current answer has visited: a row for each layer that has experts, a cell for each expert. */
export function ExpertMap({ engine, live }: { engine: Engine; live?: Live }) {
  const [layers, setLayers] = useState<Layers>([]);
  const running = live !== undefined && live.stage !== 'done';
  useEffect(() => {
    let open = true;
    const look = () => void engine.experts().then((now) => open && setLayers(visitsSince(marks.get(engine)?.before ?? [], now.layers)), () => {});
    look();
    const timer = running ? setInterval(look, EVERY) : undefined;
    return () => {
      open = false;
      clearInterval(timer);
    };
  }, [engine, running]);
  const routed = layers.filter((layer) => layer.length > 0);
  if (routed.length === 0) return null;
  const cells = routed.flat();
  const visited = cells.filter((n) => n > 0).length;
  const summary = t('expertsParts', { visited: count(visited), all: count(cells.length), layers: count(routed.length), busiest: withTenth(busiest(routed)) });
  return (
    <figure class="figure" data-testid="experts">
      <figcaption>
        <span>{t('experts')}</span>
        <strong>{`${count(visited)} / ${count(cells.length)}`}</strong>
      </figcaption>
      <Cells layers={routed} label={summary} />
      <p class="hint">{summary}</p>
    </figure>
  );
}

/** How much more than an even share of its layer's visits the most visited expert has. */
const busiest = (layers: Layers): number =>
  Math.max(...layers.map((layer) => (Math.max(...layer) * layer.length) / Math.max(1, layer.reduce((sum, n) => sum + n, 0))));

/** A pixel for each expert, stretched to the width there is; the more visits within its layer, the stronger. */
function Cells({ layers, label }: { layers: Layers; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = Math.max(...layers.map((layer) => layer.length));
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, width, layers.length);
    context.fillStyle = getComputedStyle(canvas.current!).color;
    layers.forEach((layer, y) => {
      const top = Math.max(1, ...layer);
      layer.forEach((n, x) => {
        context.globalAlpha = Math.sqrt(n / top); // so that rare visits are seen at all
        context.fillRect(x, y, 1, 1);
      });
    });
  }, [layers, width]);
  return <canvas ref={canvas} class="experts" width={width} height={layers.length} style={{ '--layers': layers.length }} role="img" aria-label={label} />;
}
