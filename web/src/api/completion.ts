// OpenAI's shapes of an answer, and how they are made of what the engine tells.

import type { FinishReason, Logprobs, Message, Params, Stats, Usage as EngineUsage } from '../shared/messages.gen';
import type { Step } from './connection';

/** What `chat.completions.create` takes. */
export interface CompletionRequest extends Params {
  messages: Message[];
  /** Ends the answer early, with finish_reason abort. */
  signal?: AbortSignal;
  /** Called while the prompt is read, with the tokens done and those there are. */
  onPrefill?: (done: number, total: number) => void;
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

/** A request whose first answer is under way. */
export interface Answers {
  model: string;
  n: number;
  first: AsyncGenerator<Step, void>;
  /** Starts a further answer. */
  start: (index: number) => Promise<AsyncGenerator<Step, void>>;
  includeUsage: boolean;
  onPrefill?: CompletionRequest['onPrefill'];
}

/** The chunks of a request's answers, one answer after the other. After an aborted one there are no more. */
export async function* chunks({ model, n, first, start, includeUsage, onPrefill }: Answers): AsyncGenerator<Chunk, void> {
  const head = { id: newID(), object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model } as const;
  const without = includeUsage ? { usage: null } : {};
  let total: EngineUsage | undefined;
  let reason: FinishReason | undefined;
  for (let index = 0; index < n && reason !== 'abort'; index++) {
    const choice = (delta: Delta, finish_reason: FinishReason | null, logprobs: Logprobs | null = null): Pick<Chunk, 'choices'> => ({
      choices: [{ index, delta, logprobs, finish_reason }],
    });
    let tokens = 0;
    yield { ...head, ...choice({ role: 'assistant' }, null), ...without };
    for await (const step of index === 0 ? first : await start(index)) {
      if (step.kind === 'done') {
        reason = step.finish_reason;
        total = addUsage(total, step.usage);
        yield { ...head, ...choice({}, reason), usage: includeUsage ? null : usageOf(step.usage), stats: step.stats };
      } else if (step.kind === 'prefill') {
        onPrefill?.(step.done, step.total);
      } else {
        tokens += step.tokens.length;
        const delta = deltaOf(step);
        if (delta || step.logprobs) yield { ...head, ...choice(delta ?? {}, null, step.logprobs), ...without, tokens };
      }
    }
  }
  if (includeUsage && total) yield { ...head, choices: [], usage: usageOf(total) };
}

function deltaOf({ content, reasoning }: Step & { kind: 'delta' }): Delta | undefined {
  if (!content && !reasoning) return undefined;
  return { ...(reasoning && { reasoning_content: reasoning }), ...(content && { content }) };
}

/** The whole of it, from the chunks of a request with usage at their end. */
export async function completion(stream: AsyncGenerator<Chunk, void>): Promise<Completion> {
  const choices: Choice[] = [];
  for await (const chunk of stream) {
    const part = chunk.choices[0];
    if (!part) {
      const { id, created, model, usage } = chunk;
      return { id, object: 'chat.completion', created, model, choices, usage: usage! };
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

const newID = (): string => `chatcmpl-${Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('')}`;
