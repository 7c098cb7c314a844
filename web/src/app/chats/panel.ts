// An answer that was made of several, as it is kept: how each came to be, how the vote stood, what came of it.

import type { Lane, Result, StrategyMode, Tally, Usage } from '../../api/tabseek';

export interface Panel {
  mode: StrategyMode;
  /** How many answers were asked for. */
  n: number;
  lanes: KeptLane[];
  tally?: Tally;
  /** Missing while it is under way, and for ever if its tab ended before. */
  result?: Result;
}

export interface KeptLane extends Pick<Lane, 'purpose' | 'tokens' | 'thinking' | 'answer' | 'finish'> {
  content: string;
  reasoning: string;
  /** The confidence after so many tokens each. */
  line: number[];
  tokens_per_point: number;
}

/** Points of a line at most; a power of two. */
const POINTS = 64;

const NEW: KeptLane = { purpose: 'answer', tokens: 0, thinking: true, content: '', reasoning: '', line: [], tokens_per_point: 4 };

/** The panel, with what has come of a lane. */
export function withLane(panel: Panel, news: Lane): Panel {
  const { trace, content = '', reasoning = '', confidence, ...now } = news;
  const lanes = [...panel.lanes];
  while (lanes.length < trace) lanes.push(NEW);
  const lane = lanes[trace] ?? NEW;
  const drawn = now.finish ? lane : { ...lane, ...lengthened(lane, now.tokens, confidence) };
  lanes[trace] = { ...drawn, ...now, content: lane.content + content, reasoning: lane.reasoning + reasoning };
  return { ...panel, lanes };
}

/** A line that goes on up to so many tokens. One that has too many points gets half of them. */
function lengthened({ line, tokens_per_point: span }: KeptLane, tokens: number, confidence: number): Pick<KeptLane, 'line' | 'tokens_per_point'> {
  let points = [...line];
  for (; tokens / span >= POINTS; span *= 2) points = points.filter((_, i) => i % 2 === 1);
  const last = points.at(-1) ?? confidence;
  while (points.length < Math.floor(tokens / span)) points.push(last);
  points[Math.floor(tokens / span)] = confidence;
  return { line: points, tokens_per_point: span };
}

/** All tokens of a panel's lanes so far. */
export const tokensOf = ({ lanes }: Panel): number => lanes.reduce((sum, l) => sum + l.tokens, 0);

/** How much of the context an answer has used, which none of the other samples has. */
export function contextUsed({ usage, panel }: { usage?: Usage; panel?: Panel }): number {
  if (!usage) return 0;
  const result = panel?.result;
  return result ? usage.prompt_tokens + (result.traces[result.trace ?? -1]?.tokens ?? 0) : usage.total_tokens;
}

/** No answer is the panel's: none has a majority, or none was accepted. */
export const undecided = ({ result }: Panel): boolean => result?.chosen_by === 'none' && result.stopped_by !== 'abort';

/** The panel does not agree well: somebody else may know better. */
export const doubtful = (panel: Panel): boolean => undecided(panel) || (panel.result !== undefined && panel.result.groups.length > 1 && panel.result.agreement < 0.5);
