// The answers to a request to a server elsewhere, put into OpenAI's chunks as a model in this tab gives them.

import { TabseekError } from '../../shared/messages';
import type { FinishReason, Logprobs, Stats, Usage as Counted } from '../../shared/messages.gen';
import { failureAfter, mixed, newID, usageOf, type Chunk, type Delta, type Said, type Usage } from '../completion';
import type { Counts, Piece } from './answer';

/** A device that asks another has nothing to do. */
export const NO_WORK: Stats = {
  prompt_tokens: 0, completion_tokens: 0, prefill_seconds: 0, decode_seconds: 0, load_seconds: 0, dispatches: 0, submits: 0, readbacks: 0,
  guest_calls: 0, guest_seconds: 0, weight_bytes: 0, kv_bytes_per_token: 0, guest_heap_bytes: 0, device: 'elsewhere', profile: '',
};

export class Choices {
  private readonly said: Said[];
  private readonly ends = new Map<number, FinishReason>();
  /** What the server counts, of each request. */
  private readonly counts = new Map<number, Counts>();
  /** Pieces of text and of reasoning, which stand in for tokens where the server counts none. */
  private readonly parts = { all: 0, reasoning: 0 };
  private readonly began = performance.now();
  private first: number | undefined;
  private last = this.began;

  constructor(
    private readonly n: number,
    private readonly includeUsage: boolean,
  ) {
    this.said = Array.from({ length: n }, () => ({ content: '', reasoning_content: '' }));
  }

  /**
   * The chunks of one source with all choices, or of one source for each. However it ends, `onEnd` is called. A failure brings along
   * what has come, in `fields.choices`.
   */
  async *chunks(model: string, sources: AsyncGenerator<Piece, void>[], signal: AbortSignal, onEnd: (stats: Stats) => void): AsyncGenerator<Chunk, void> {
    const head = { id: newID(), object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model } as const;
    const choice = (index: number, delta: Delta, finish_reason: FinishReason | null, logprobs: Logprobs | null = null): Chunk => ({
      ...head,
      choices: [{ index, delta, logprobs, finish_reason }],
      ...(this.includeUsage && { usage: null }),
    });
    try {
      for (let index = 0; index < this.n; index++) yield choice(index, { role: 'assistant' }, null);
      for await (const [source, of] of mixed(sources)) {
        const piece = sources.length > 1 ? { ...of, index: source } : of;
        if (piece.kind === 'delta' && piece.index < this.n) yield choice(piece.index, this.take(piece), null, piece.logprobs);
        else this.note(piece);
      }
      if (this.ends.size < this.n && !signal.aborted) throw new TabseekError('remote_failed', `the server gave ${this.ends.size} answers of ${this.n}`);
    } catch (e) {
      if (!signal.aborted) throw failureAfter(e, this.said);
    } finally {
      onEnd(this.stats());
    }
    for (let index = 0; index < this.n; index++) {
      const usage = this.n === 1 && !this.includeUsage ? { usage: this.usage() } : {}; // servers count all choices together
      yield { ...choice(index, {}, this.ends.get(index) ?? 'abort'), ...usage, stats: this.stats() };
    }
    if (this.includeUsage) yield { ...head, choices: [], usage: this.usage() };
  }

  private take({ index, content, reasoning }: Piece & { kind: 'delta' }): Delta {
    const said = this.said[index]!;
    said.content += content;
    said.reasoning_content += reasoning;
    this.last = performance.now();
    this.first ??= this.last;
    if (content || reasoning) this.parts.all++;
    if (reasoning) this.parts.reasoning++;
    return { ...(reasoning && { reasoning_content: reasoning }), ...(content && { content }) };
  }

  private note(piece: Piece): void {
    if (piece.kind === 'usage') this.counts.set(piece.index, piece.counts); // some tell it again and again, as a sum
    else if (piece.kind === 'end' && piece.index < this.n) this.ends.set(piece.index, piece.reason);
  }

  /** Of answers that were asked for one by one, the prompt counts once. */
  private usage(): Usage {
    const told = [...this.counts.values()];
    const sum = (count: (c: Counts) => number | undefined) => told.reduce((all, c) => all + (count(c) ?? 0), 0);
    const completion_tokens = told.length > 0 ? sum((c) => c.completion_tokens) : this.parts.all;
    const thought = sum((c) => c.completion_tokens_details?.reasoning_tokens) || this.parts.reasoning;
    const counted: Counted = {
      prompt_tokens: told[0]?.prompt_tokens ?? 0,
      cached_tokens: told[0]?.prompt_tokens_details?.cached_tokens ?? 0,
      completion_tokens,
      reasoning_tokens: Math.min(thought, completion_tokens),
    };
    return usageOf(counted);
  }

  private stats(): Stats {
    const { prompt_tokens, completion_tokens } = this.usage();
    const first = this.first ?? this.last;
    return { ...NO_WORK, prompt_tokens, completion_tokens, prefill_seconds: (first - this.began) / 1000, decode_seconds: (this.last - first) / 1000 };
  }
}
