// OpenAI's shapes of an answer, and how they are made of what the engine tells.

import { TabseekError } from '../shared/messages';
import type { FinishReason, Lane, Logprobs, Message, Params, Result, Stats, Strategy, Tally, Usage as EngineUsage } from '../shared/messages.gen';
import type { Run, Step, VerifierFunction } from './connection';
import type { Escalate, Escalated } from './escalate';

/** A strategy whose verifier may be a function. It is given an answer, and says whether that is right; the first right one ends all. */
export interface StrategyRequest extends Omit<Strategy, 'verifier'> {
  verifier?: Strategy['verifier'] | VerifierFunction;
}

/** What `chat.completions.create` takes. */
export interface CompletionRequest extends Omit<Params, 'strategy'> {
  messages: Message[];
  /** One answer made of several. */
  strategy?: StrategyRequest | Strategy['mode'];
  /** Asks a bigger model where the traces of the strategy do not agree. */
  escalate?: Escalate;
  /** Ends the answer early, with finish_reason abort. */
  signal?: AbortSignal;
  /** Called while the prompt is read, with the tokens done and those there are. */
  onPrefill?: (done: number, total: number) => void;
}

/** What came of a strategy. */
export interface StrategyResult extends Result {
  /** A bigger model was asked. */
  escalated?: Escalated;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
}

/** What every chunk of an answer says, and the answer as a whole. */
interface Head<Kind extends string> {
  id: string;
  object: Kind;
  /** Seconds since 1970. */
  created: number;
  model: string;
}

export interface Delta {
  role?: 'assistant';
  content?: string;
  reasoning_content?: string;
}

export interface ChunkChoice {
  index: number;
  delta: Delta;
  logprobs: Logprobs | null;
  finish_reason: FinishReason | null;
}

export interface Chunk extends Head<'chat.completion.chunk'> {
  /** One; none on the last chunk with stream_options.include_usage. */
  choices: ChunkChoice[];
  /** Tokens generated so far for this choice, thinking included. */
  tokens?: number;
  /**
   * On the last chunk of each choice: that choice's. With stream_options.include_usage it is null there and everywhere
   * but on one more chunk at the end, which has the whole request's.
   */
  usage?: Usage | null;
  /** On the last chunk of each choice. */
  stats?: Stats;
  /** With a strategy: what has come of one of its traces. The answer's own deltas come when it is chosen. */
  lane?: Lane;
  /** How the vote stands. */
  tally?: Tally;
  /** The GPU was lost and replaced, and all lanes begin anew. */
  again?: true;
  /** On the last chunk of the choice: what came of the strategy. */
  tabseek?: StrategyResult;
}

/** The chunks of an answer under way. */
export interface Chunks extends AsyncGenerator<Chunk, void> {
  /** Ends the thinking: the answer comes now. */
  answerNow(): void;
  /** Has it think on where it would end its thinking next. */
  thinkLonger(): void;
}

export interface Choice {
  index: number;
  message: { role: 'assistant'; content: string; reasoning_content: string };
  logprobs: Logprobs | null;
  finish_reason: FinishReason;
}

export interface Completion extends Head<'chat.completion'> {
  choices: Choice[];
  usage: Usage;
  /** With a strategy: what came of it. */
  tabseek?: StrategyResult;
}

export interface Create {
  (request: CompletionRequest & { stream: true }): Promise<Chunks>;
  (request: CompletionRequest & { stream?: false }): Promise<Completion>;
}

export function usageOf(u: EngineUsage): Usage {
  return {
    prompt_tokens: u.prompt_tokens,
    completion_tokens: u.completion_tokens,
    total_tokens: u.prompt_tokens + u.completion_tokens,
    prompt_tokens_details: { cached_tokens: u.cached_tokens },
    completion_tokens_details: { reasoning_tokens: u.reasoning_tokens },
  };
}

/** The usage of answers to one prompt, which is counted once. */
function addUsage(sum: EngineUsage | undefined, u: EngineUsage): EngineUsage {
  if (!sum) return u;
  return { ...sum, completion_tokens: sum.completion_tokens + u.completion_tokens, reasoning_tokens: sum.reasoning_tokens + u.reasoning_tokens };
}

/** A request whose answers are under way. */
export interface Answers {
  model: string;
  answers: Run[];
  includeUsage: boolean;
  onPrefill?: CompletionRequest['onPrefill'];
}

/** The chunks of a request's answers, mixed as they come. A failure brings along what has come, in `fields.choices` and `fields.traces`. */
export function chunks(of: Answers): Chunks {
  const steer = (type: Parameters<Run['steer']>[0]) => () => of.answers.forEach((a) => a.steer(type));
  return Object.assign(withText(told(of)), { answerNow: steer('answer_now'), thinkLonger: steer('think_longer') });
}

async function* told({ model, answers, includeUsage, onPrefill }: Answers): AsyncGenerator<Chunk, void> {
  const head = { id: newID(), object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model } as const;
  const without = includeUsage ? { usage: null } : {};
  const choice = (index: number, delta: Delta, finish_reason: FinishReason | null, logprobs: Logprobs | null = null): Pick<Chunk, 'choices'> => ({
    choices: [{ index, delta, logprobs, finish_reason }],
  });
  let total: EngineUsage | undefined;
  const tokens: number[] = []; // of each answer that has begun
  for await (const [index, step] of mixed(answers.map((a) => a.steps))) {
    if (tokens[index] === undefined) {
      tokens[index] = 0;
      yield { ...head, ...choice(index, { role: 'assistant' }, null), ...without };
    }
    if (step.kind === 'done') {
      total = addUsage(total, step.usage);
      yield { ...head, ...choice(index, {}, step.finish_reason), usage: includeUsage ? null : usageOf(step.usage), stats: step.stats, ...(step.tabseek && { tabseek: step.tabseek }) };
    } else if (step.kind === 'prefill') {
      if (index === 0) onPrefill?.(step.done, step.total);
    } else if (step.kind !== 'delta') {
      yield { ...head, ...choice(index, {}, null), ...without, ...newsOf(step) };
    } else {
      tokens[index] += step.tokens.length;
      const delta = deltaOf(step);
      if (delta || step.logprobs) yield { ...head, ...choice(index, delta ?? {}, null, step.logprobs), ...without, tokens: tokens[index] };
    }
  }
  if (includeUsage && total) yield { ...head, choices: [], usage: usageOf(total) };
}

function newsOf(step: Step & { kind: 'lane' | 'tally' | 'again' }): Pick<Chunk, 'lane' | 'tally' | 'again'> {
  if (step.kind === 'lane') return { lane: step.lane };
  return step.kind === 'tally' ? { tally: step.tally } : { again: true };
}

/** A text with its reasoning. */
export interface Said {
  content: string;
  reasoning_content: string;
}

/** The stream, whose failure brings along what it has said. */
async function* withText(stream: AsyncGenerator<Chunk, void>): AsyncGenerator<Chunk, void> {
  const choices: Said[] = [];
  const traces: Said[] = [];
  const add = (to: Said[], i: number, content = '', reasoning = '') => {
    const said = (to[i] ??= { content: '', reasoning_content: '' });
    said.content += content;
    said.reasoning_content += reasoning;
  };
  try {
    for await (const chunk of stream) {
      for (const { index, delta } of chunk.choices) add(choices, index, delta.content, delta.reasoning_content);
      if (chunk.lane) add(traces, chunk.lane.trace, chunk.lane.content, chunk.lane.reasoning);
      else if (chunk.again) traces.length = 0;
      yield chunk;
    }
  } catch (e) {
    throw failureAfter(e, choices, traces);
  }
}

/** A failure in the middle of answers, with what had come of them. */
export function failureAfter(e: unknown, choices: Said[], traces: Said[] = []): TabseekError {
  const { code, message, fields } = e instanceof TabseekError ? e : new TabseekError('internal', String(e));
  return new TabseekError(code, message, { ...fields, choices: choices.map((message, index) => ({ index, message })), ...(traces.length > 0 && { traces }) });
}

/** What several generators yield, with the number of each, as it comes. Leaving early ends them all. */
export async function* mixed<T>(generators: AsyncGenerator<T, void>[]): AsyncGenerator<[number, T], void> {
  const take = async (index: number) => ({ index, result: await generators[index]!.next() });
  const next = new Map(generators.map((_, index) => [index, take(index)]));
  try {
    while (next.size > 0) {
      const { index, result } = await Promise.race(next.values());
      next.delete(index); // and to the end of the queue, so that a hasty one leaves room for others
      if (!result.done) {
        next.set(index, take(index));
        yield [index, result.value];
      }
    }
  } finally {
    for (const waiting of next.values()) waiting.catch(() => {}); // of several that fail, the first is told
    for (const index of next.keys()) void generators[index]!.return();
  }
}

function deltaOf({ content, reasoning }: Step & { kind: 'delta' }): Delta | undefined {
  if (!content && !reasoning) return undefined;
  return { ...(reasoning && { reasoning_content: reasoning }), ...(content && { content }) };
}

/** The whole of it, from the chunks of a request with usage at their end. */
export async function completion(stream: AsyncGenerator<Chunk, void>): Promise<Completion> {
  const choices: Choice[] = [];
  let tabseek: StrategyResult | undefined;
  for await (const chunk of stream) {
    const part = chunk.choices[0];
    tabseek = chunk.tabseek ?? tabseek;
    if (!part) {
      const { id, created, model, usage } = chunk;
      return { id, object: 'chat.completion', created, model, choices, usage: usage!, ...(tabseek && { tabseek }) };
    }
    const { index, delta, logprobs, finish_reason } = part;
    const choice = (choices[index] ??= { index, message: { role: 'assistant', content: '', reasoning_content: '' }, logprobs: null, finish_reason: 'abort' });
    choice.message.content += delta.content ?? '';
    choice.message.reasoning_content += delta.reasoning_content ?? '';
    if (logprobs) choice.logprobs = joinLogprobs(choice.logprobs, logprobs);
    if (finish_reason) choice.finish_reason = finish_reason;
  }
  throw new Error('the chunks have no end');
}

function joinLogprobs(a: Logprobs | null, b: Logprobs): Logprobs {
  const reasoning = [...(a?.reasoning_content ?? []), ...(b.reasoning_content ?? [])];
  return { content: [...(a?.content ?? []), ...b.content], ...(reasoning.length > 0 && { reasoning_content: reasoning }) };
}

/** An id as OpenAI’s are. */
export const newID = (): string => `chatcmpl-${Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('')}`;
