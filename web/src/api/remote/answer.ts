// An answer as servers tell it, in one shape. They differ in the name of the reasoning, in what is null, in when they tell
// usage, and in the order of several choices; all of that ends here.

import { TabseekError } from '../../shared/messages';
import type { FinishReason, Logprob, Logprobs } from '../../shared/messages.gen';
import { events } from './events';
import { errorOf, parseJSON, type Reply } from './server';
import { Splitter, splitWhole } from './splitter';

/** What a server counts; what it does not tell is missing. */
export interface Counts {
  prompt_tokens?: number;
  completion_tokens?: number;
  prompt_tokens_details?: { cached_tokens?: number } | null;
  completion_tokens_details?: { reasoning_tokens?: number } | null;
}

/** A part of an answer. The ends of all choices come last, when the server has said all it has to say. */
export type Piece =
  | { kind: 'delta'; index: number; content: string; reasoning: string; logprobs?: Logprobs }
  | { kind: 'end'; index: number; reason: FinishReason }
  | { kind: 'usage'; index: number; counts: Counts }; // of all choices; its index is 0

/** A delta, or the message of an answer that came whole. */
interface WireMessage {
  content?: string | { text?: unknown }[] | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  reasoning_details?: { text?: unknown; summary?: unknown }[] | null;
}

interface WireChoice {
  index?: number | null;
  delta?: WireMessage | null;
  message?: WireMessage | null;
  logprobs?: { content?: WireLogprob[] | null; reasoning_content?: WireLogprob[] | null } | null;
  finish_reason?: string | null;
}

interface WireLogprob {
  id?: number;
  token?: string;
  logprob?: number;
  bytes?: number[] | null;
  top_logprobs?: WireLogprob[] | null;
}

interface WireChunk {
  choices?: WireChoice[] | null;
  usage?: Counts | null;
  error?: unknown;
}

/** More choices than anybody asks for. */
const MAX_CHOICES = 128;

/** The pieces of an answer, whether the server streams it or sends it whole. */
export async function* pieces(reply: Reply): AsyncGenerator<Piece, void> {
  const choices = new Map<number, Choice>();
  if (reply.streams) {
    let ended = false;
    for await (const data of events(reply.body)) {
      ended = data.trim() === '[DONE]';
      if (ended) break; // and not before: text may follow a finish_reason
      yield* read(parseJSON(data) as WireChunk | null, choices, false);
    }
    if (!ended && (choices.size === 0 || [...choices.values()].some((c) => !c.finish))) throw new TabseekError('remote_failed', 'the answer broke off before its end');
  } else {
    let text = '';
    for await (const part of reply.body) text += part;
    yield* read(parseJSON(text) as WireChunk | null, choices, true);
  }
  for (const [index, choice] of choices) {
    const rest = choice.splitter.end();
    if (rest.content || rest.reasoning) yield { kind: 'delta', index, ...rest };
    yield { kind: 'end', index, reason: choice.finish === 'length' ? 'length' : 'stop' };
  }
}

function* read(chunk: WireChunk | null, choices: Map<number, Choice>, whole: boolean): Generator<Piece, void> {
  if (typeof chunk !== 'object' || chunk === null) throw new TabseekError('remote_failed', 'the server sent what is no part of an answer');
  if (chunk.error) throw errorOf(chunk as Parameters<typeof errorOf>[0], undefined);
  for (const part of list(chunk.choices)) {
    const index = typeof part.index === 'number' && part.index >= 0 && part.index < MAX_CHOICES ? Math.trunc(part.index) : 0;
    let choice = choices.get(index);
    if (!choice) choices.set(index, (choice = new Choice()));
    const { content, reasoning } = choice.read(part.delta ?? part.message ?? {}, whole);
    const logprobs = logprobsOf(part.logprobs);
    if (content || reasoning || logprobs) yield { kind: 'delta', index, content, reasoning, ...(logprobs && { logprobs }) };
    if (part.finish_reason) choice.end(part.finish_reason);
  }
  if (chunk.usage) yield { kind: 'usage', index: 0, counts: chunk.usage };
}

/** One of the answers that a server sends in turns. */
class Choice {
  readonly splitter = new Splitter();
  finish: string | undefined;
  /** The server tells the reasoning apart; then a tag in the answer is part of it. */
  private apart = false;

  read(message: WireMessage, whole: boolean): { content: string; reasoning: string } {
    const reasoning = message.reasoning_content || message.reasoning || list(message.reasoning_details).map((d) => textOf(d.text ?? d.summary)).join('');
    this.apart ||= reasoning !== '';
    const content = typeof message.content === 'string' ? message.content : list(message.content).map((p) => textOf(p.text)).join('');
    if (this.apart || content === '') return { content, reasoning: textOf(reasoning) };
    if (!whole) return this.splitter.push(content);
    return content.trimStart().startsWith('<think>') ? this.splitter.push(content) : splitWhole(content);
  }

  /** Tells an end from a failure that is called one. */
  end(reason: string): void {
    if (reason === 'content_filter') throw new TabseekError('remote_failed', 'the server’s filter ended the answer');
    if (/resource|error/.test(reason)) throw new TabseekError('remote_failed', `the server ended the answer: ${reason}`);
    this.finish = reason;
  }
}

function logprobsOf(wire: WireChoice['logprobs']): Logprobs | undefined {
  const content = list(wire?.content).map(logprobOf);
  const reasoning = list(wire?.reasoning_content).map(logprobOf);
  if (content.length + reasoning.length === 0) return undefined;
  return { content, ...(reasoning.length > 0 && { reasoning_content: reasoning }) };
}

/** Servers need not tell ids; -1 is none. */
function logprobOf({ id = -1, token = '', logprob = -9999, bytes, top_logprobs }: WireLogprob): Logprob {
  const one = (t: WireLogprob) => ({ id: t.id ?? -1, token: t.token ?? '', logprob: t.logprob ?? -9999, bytes: t.bytes ?? [...new TextEncoder().encode(t.token)] });
  return { ...one({ id, token, logprob, bytes }), top_logprobs: list(top_logprobs).map(one) };
}

const list = <T>(value: T[] | null | undefined | string): T[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
