import type { Chunk, FinishReason, TabseekError } from '../../api/tabseek';
import { tokensOf, withLane, type Panel } from './panel';
import type { Message } from './record';

export type Stage = 'waiting' | 'reading' | 'thinking' | 'answering' | 'done';

/** What is only known of an answer while its page is open. */
export interface Live {
  /** The message's. */
  id: string;
  chat: string;
  stage: Stage;
  /** The part of the prompt that has been read, while it is. */
  read?: number;
  /** Tokens of the prompt, as soon as they are known, and of the answer so far; a panel's samples share the context as little as answers do. */
  prompt?: number;
  tokens?: number;
  /** When thinking began, by performance.now(). */
  thinkingSince?: number;
  /** It can be told to answer now, and to think longer. */
  steerable?: boolean;
  /** Tokens a second, for each quarter of a second so far. */
  speeds?: number[];
  error?: TabseekError;
}

const SAMPLE_SECONDS = 0.25;

/** Puts an answer together from its chunks, going on from what it has. */
export class AnswerStream {
  live: Live;
  /** The first chunk with tokens: speed is measured from there, so that reading the prompt does not count. */
  private first: { at: number; tokens: number } | undefined;
  /** Where the last sample of the speed ended. */
  private sampled: { at: number; tokens: number } | undefined;
  private thinks = false;

  constructor(public message: Message) {
    this.live = { id: message.id, chat: message.chat, stage: 'waiting' };
    this.set({ finish: null, error: undefined });
  }

  add(chunk: Chunk): void {
    if (chunk.lane || chunk.tally || chunk.again || chunk.tabseek) this.hear(chunk);
    const choice = chunk.choices[0];
    if (!choice) return;
    const { delta, finish_reason, logprobs } = choice;
    if (logprobs) this.set({ logprobs: [...(this.message.logprobs ?? []), ...logprobs.content] });
    if (delta.reasoning_content) this.think(delta.reasoning_content);
    if (delta.content) this.say(delta.content);
    if (chunk.tokens && !this.message.panel) {
      this.measure(chunk.tokens);
      this.show({ tokens: chunk.tokens });
    }
    if (finish_reason) this.finish(finish_reason, chunk);
  }

  /** The model is there, and has read so much of the prompt. */
  read(done = 0, total?: number): void {
    this.show({ stage: 'reading', read: total ? done / total : 0, ...(total && { prompt: total }) });
  }

  /** The answer is going to be made of several. */
  divide(mode: Panel['mode'], n: number): void {
    this.set({ panel: { mode, n, lanes: [] } });
  }

  steerable(): void {
    this.show({ steerable: true });
  }

  private hear({ lane, tally, again, tabseek: result }: Chunk): void {
    const panel = this.message.panel ?? { mode: 'vote', n: 1, lanes: [] };
    if (again) this.set({ panel: { ...panel, lanes: [], tally: undefined } });
    else if (tally) this.set({ panel: { ...panel, tally } });
    else if (result) this.set({ panel: { ...panel, result } });
    if (!lane) return;
    const told = withLane(panel, lane);
    this.set({ panel: told });
    this.beginThinking();
    this.show({ stage: told.lanes.some((l) => l.thinking && !l.finish) ? 'thinking' : 'answering' });
    this.measure(tokensOf(told));
    this.show({ tokens: Math.max(...told.lanes.map((l) => l.tokens)) });
  }

  /** Stopped before the model was there. */
  stop(): void {
    this.end('abort');
  }

  fail(error: TabseekError): void {
    this.set({ error: { code: error.code, message: error.message } });
    this.show({ error });
    this.end('error');
  }

  /** Counts the thinking up to now, for a copy that is kept. */
  get snapshot(): Message {
    return this.thinks ? { ...this.message, thinking_seconds: this.thought() } : this.message;
  }

  private beginThinking(): void {
    if (this.thinks) return;
    this.thinks = true;
    this.show({ thinkingSince: performance.now() - 1000 * (this.message.thinking_seconds ?? 0) });
  }

  private think(text: string): void {
    this.beginThinking();
    this.show({ stage: 'thinking' });
    this.set({ reasoning: (this.message.reasoning ?? '') + text });
  }

  private say(text: string): void {
    const content = this.message.content + text;
    // Between thinking and the answer there is often only white space, which is neither.
    if (content.trim() === '') return;
    this.endThinking();
    this.show({ stage: 'answering' });
    this.set({ content });
  }

  private thought(): number {
    return (performance.now() - this.live.thinkingSince!) / 1000;
  }

  private endThinking(): void {
    if (!this.thinks) return;
    this.thinks = false;
    this.set({ thinking_seconds: this.thought() });
  }

  private measure(tokens: number): void {
    const at = performance.now();
    this.first ??= { at, tokens };
    this.sampled ??= this.first;
    const since = (at - this.sampled.at) / 1000;
    if (since >= SAMPLE_SECONDS) {
      this.show({ speeds: [...(this.live.speeds ?? []), (tokens - this.sampled.tokens) / since] });
      this.sampled = { at, tokens };
    }
    const seconds = (at - this.first.at) / 1000;
    if (seconds > 0) this.set({ tokens_per_second: (tokens - this.first.tokens) / seconds });
  }

  private finish(finish: FinishReason, { usage, stats }: Chunk): void {
    const measured = usage && stats && stats.decode_seconds > 0 ? usage.completion_tokens / stats.decode_seconds : undefined;
    this.set({ usage: usage ?? undefined, tokens_per_second: measured ?? this.message.tokens_per_second });
    this.end(finish);
  }

  private end(finish: Message['finish']): void {
    this.endThinking();
    this.set({ finish });
    this.show({ stage: 'done' });
  }

  private set(part: Partial<Message>): void {
    this.message = { ...this.message, ...part };
  }

  private show(part: Partial<Live>): void {
    this.live = { ...this.live, ...part };
  }
}
