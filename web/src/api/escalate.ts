// Help from a bigger model, where the traces of a strategy do not agree. Whom to ask is the caller's to say: nobody else is asked.

import { TabseekError } from '../shared/messages';
import type { Message } from '../shared/messages.gen';
import type { Chunk, Chunks, CompletionRequest, Create, Usage } from './completion';
import { refuse, show } from './encode';

/** Whom to ask when, where the traces of a strategy do not agree. */
export interface Escalate {
  /** The least agreement, from 0 to 1, with which the answer is given as it is. One without a majority is not. */
  below: number;
  /** A model elsewhere, or another one in this tab. */
  to: { chat: { completions: { create: Create } } };
  /** Tell it what the traces came to. */
  traces?: boolean;
}

/** What came of asking: the bigger model's answer stands in the choice, or where it failed, the answer before. */
export interface Escalated {
  model?: string;
  usage?: Usage;
  error?: { code: string; message: string };
}

export function checkEscalate(escalate: Escalate | undefined, strategy: unknown): void {
  if (escalate === undefined) return;
  if (strategy === undefined) throw refuse('escalate', 'needs a strategy, whose traces agree or do not');
  if (typeof escalate !== 'object' || escalate === null) throw refuse('escalate', `is ${show(escalate)}, must be an object`);
  const { below, to, traces } = escalate;
  if (typeof below !== 'number' || !(below >= 0 && below <= 1)) throw refuse('escalate.below', `is ${show(below)}, must be a number from 0 to 1`);
  if (typeof to?.chat?.completions?.create !== 'function') throw refuse('escalate.to', 'must be an engine');
  if (traces !== undefined && typeof traces !== 'boolean') throw refuse('escalate.traces', `is ${show(traces)}, must be true or false`);
}

/** The chunks of a strategy. Its answer is held back until it is known whether it stands. */
export async function* escalating(stream: AsyncGenerator<Chunk, void>, { below, to, traces }: Escalate, { messages, signal }: Pick<CompletionRequest, 'messages' | 'signal'>): AsyncGenerator<Chunk, void> {
  const held: Chunk[] = [];
  let attempts: string[] = [];
  for await (const chunk of stream) {
    const { lane, tally, again, tabseek, choices } = chunk;
    if (lane) attempts[lane.trace] = (attempts[lane.trace] ?? '') + (lane.content ?? '');
    if (again) attempts = [];
    const part = choices[0];
    if (tabseek) {
      const stands = tabseek.answer !== null && tabseek.agreement >= below;
      if (stands || part?.finish_reason === 'abort') yield* [...held, chunk];
      else yield* helped(chunk, held, to.chat.completions.create({ messages: traces ? withAttempts(messages, attempts) : messages, stream: true, signal }));
    } else if (!lane && !tally && !again && part && (part.delta.content || part.delta.reasoning_content || part.logprobs)) {
      held.push(chunk);
    } else {
      yield chunk;
    }
  }
}

/** The answer of the one who was asked, or where that fails before it has said anything, the answer that is held. */
async function* helped(end: Chunk, held: Chunk[], asked: Promise<Chunks>): AsyncGenerator<Chunk, void> {
  const escalated: Escalated = {};
  const { id, object, created, model } = end;
  const head = { id, object, created, model, ...(end.usage === null && { usage: null }) };
  let finish_reason = end.choices[0]!.finish_reason;
  let said = false;
  try {
    for await (const chunk of await asked) {
      escalated.model = chunk.model;
      if (chunk.usage) escalated.usage = chunk.usage;
      const part = chunk.choices[0];
      if (part?.finish_reason) finish_reason = part.finish_reason;
      if (!part?.delta.content && !part?.delta.reasoning_content) continue;
      said = true;
      yield { ...head, choices: [{ ...part, index: 0 }] };
    }
  } catch (e) {
    if (said) throw e; // half of its answer is told already
    const { code, message } = e instanceof TabseekError ? e : new TabseekError('internal', String(e));
    escalated.error = { code, message };
    yield* held;
  }
  const [choice] = end.choices;
  yield { ...end, choices: [{ ...choice!, finish_reason }], tabseek: { ...end.tabseek!, escalated } };
}

/** The question with what was tried. */
function withAttempts(messages: Message[], attempts: string[]): Message[] {
  const question = messages.at(-1)!;
  const text = typeof question.content === 'string' ? question.content : question.content.map((p) => p.text).join('');
  const list = attempts.filter((a) => a?.trim()).map((a, i) => `${i + 1}. ${a.trim()}`);
  if (list.length === 0) return messages;
  return [...messages.slice(0, -1), { ...question, content: `${text}\n\nA smaller model has tried this and came to answers that differ. They may all be wrong:\n${list.join('\n')}` }];
}
