import { useState } from 'preact/hooks';
import type { Tally } from '../api/tabseek';
import { tokensOf, type KeptLane, type Panel } from './chats/panel';
import { count, short } from './format';
import { Icon } from './icons';
import { t } from './language';
import { Markdown } from './markdown/markdown';

/** Groups of a tally in sight; the rest is counted. */
const SHOWN_GROUPS = 4;

/** An answer made of several: its lanes, each of which can be opened, the tally, why it stopped, and what it took. Open while it runs, unless the user chose. */
export function Lanes({ panel, running }: { panel: Panel; running: boolean }) {
  const [chosen, setChosen] = useState<boolean>();
  const open = chosen ?? running;
  const toggle = (e: MouseEvent) => {
    e.preventDefault(); // the state below opens it, not the browser
    setChosen(!open);
  };
  const range = rangeOf(panel.lanes);
  const { tally = { groups: [], agreement: 0, ended: 0, running: panel.n }, lanes, result } = panel;
  return (
    <details class="lanes" data-testid="lanes" data-stopped-by={result?.stopped_by} open={open}>
      <summary onClick={toggle} aria-expanded={open}>
        <Icon name="chevron" />
        <span>
          <strong>{t('panelOf', { count: panel.n })}</strong>
          <span data-testid="agreement">{agreementOf(panel)}</span>
          {result && result.chosen_by !== 'self_score' && <span data-testid="stopped-by">{t(`ended.${result.stopped_by}`)}</span>}
          <span data-testid="spent">{spentBy(panel)}</span>
        </span>
      </summary>
      <TallyView groups={result?.groups ?? tally.groups} ended={result ? result.groups.reduce((sum, g) => sum + g.count, 0) : panel.n} />
      <ol>
        {lanes.map((lane, i) => (
          <LaneView key={i} lane={lane} number={i + 1} shown={result?.trace === i} range={range} />
        ))}
      </ol>
    </details>
  );
}

function agreementOf({ tally, result }: Panel): string {
  if (result?.chosen_by === 'self_score') return t('ownScore');
  const [first] = result?.groups ?? tally?.groups ?? [];
  if (!first) return t('noneYet');
  const agreement = result?.agreement ?? tally!.agreement;
  return t('agree', { count: first.count, ended: Math.round(first.count / agreement), percent: Math.round(100 * agreement) });
}

function spentBy(panel: Panel): string {
  const saved = panel.result?.saved_tokens ?? 0;
  return [t('tokensSpent', { count: count(tokensOf(panel)) }), saved > 0 && t('tokensSaved', { count: count(saved) })].filter(Boolean).join(', ');
}

function TallyView({ groups, ended }: { groups: Tally['groups']; ended: number }) {
  if (groups.length === 0) return null;
  const rest = groups.length - SHOWN_GROUPS;
  return (
    <ul class="tally" data-testid="tally" aria-label={t('tally')}>
      {groups.slice(0, SHOWN_GROUPS).map(({ key, count: votes }) => (
        <li key={key}>
          <span class="key">{key}</span>
          <meter aria-label={key} min={0} max={ended} value={votes} />
          <span>{votes}</span>
        </li>
      ))}
      {rest > 0 && <li><span class="hint rest">{t('otherAnswers', { count: rest })}</span></li>}
    </ul>
  );
}

/** What lines lie between: the same for all, so that they can be compared. */
interface Range {
  low: number;
  high: number;
}

function rangeOf(lanes: KeptLane[]): Range {
  const all = lanes.flatMap((l) => l.line);
  const low = Math.min(...all);
  return { low, high: Math.max(low + 1, ...all) };
}

function LaneView({ lane, number, shown, range }: { lane: KeptLane; number: number; shown: boolean; range: Range }) {
  const [open, setOpen] = useState(false);
  const { purpose, tokens, answer, finish, thinking, reasoning, content } = lane;
  const name = t(purpose === 'check' ? 'laneCheck' : purpose === 'fusion' ? 'laneFusion' : 'lane', { number });
  return (
    <li data-testid="lane" data-finish={finish} data-shown={shown || undefined}>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="lane-name">
          {name}
          {shown && <Icon name="check" />}
          {shown && <span class="sr-only">{t('laneShown')}</span>}
        </span>
        <Line line={lane.line} range={range} />
        <span class="lane-answer">{answer}</span>
        <span class="lane-state">{finish ? t(`lane.${finish}`) : t(thinking ? 'thinking' : 'answering')}</span>
        <span class="lane-tokens">{count(tokens)}</span>
        <Icon name="chevron" />
      </button>
      {open && (
        <div class="lane-text" data-testid="lane-text">
          {reasoning && (
            <div class="thinking">
              <Markdown text={reasoning} open={!finish} />
            </div>
          )}
          <Markdown text={content} open={!finish} />
        </div>
      )}
    </li>
  );
}

const WIDTH = 64;
const HEIGHT = 16;

/** How sure a lane was, from its beginning to where it is. */
function Line({ line, range: { low, high } }: { line: number[]; range: Range }) {
  const x = (i: number) => (WIDTH * i) / Math.max(1, line.length - 1);
  const points = line.map((v, i) => `${x(i).toFixed(1)},${(HEIGHT - 1 - (HEIGHT - 2) * ((v - low) / (high - low))).toFixed(1)}`);
  return (
    <svg class="line" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={t('confidence', { value: short(line.at(-1) ?? 0) })}>
      {points.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}

/** What can be told to an answer while it thinks. */
export function Steering({ onNow, onLonger }: { onNow: () => void; onLonger: () => void }) {
  const [told, setTold] = useState<'now' | 'longer'>();
  const tell = (what: 'now' | 'longer', act: () => void) => () => {
    setTold(what);
    act();
  };
  return (
    <p class="steering">
      <button type="button" class="button" data-testid="answer-now" disabled={told === 'now'} onClick={tell('now', onNow)}>
        {t('answerNow')}
      </button>
      <button type="button" class="button" data-testid="think-longer" disabled={told === 'now'} onClick={tell('longer', onLonger)}>
        {t('thinkLonger')}
      </button>
      <span class="hint" role="status">
        {told && t(told === 'now' ? 'answeringNow' : 'thinksLonger')}
      </span>
    </p>
  );
}
