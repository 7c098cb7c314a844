import type { Chunk, Engine, FinishReason, Message, TabseekError, Usage } from '../api/tabseek';
import { asTabseekError } from './explain';
import type { Settings } from './settings';
import { Store } from './store';

/** Text reaches the page at most this often. */
const FLUSH_MS = 50;

export type Stage = 'waiting' | 'reading' | 'thinking' | 'answering' | 'done';

export interface Answer {
  stage: Stage;
  /** The part of the prompt that has been read, while it is. */
  read?: number;
  reasoning: string;
  content: string;
  /** When thinking began, by performance.now(). */
  thinkingSince?: number;
  /** How long it took, once it is over. */
  thinkingSeconds?: number;
  tokensPerSecond?: number;
  finish?: FinishReason;
  usage?: Usage;
  error?: TabseekError;
}

/** A question and its answer. */
export interface Turn {
  id: number;
  question: string;
  answer: Answer;
}

const EMPTY: Answer = { stage: 'waiting', reasoning: '', content: '' };

/** Waits for the model. */
export type Ready = (signal: AbortSignal) => Promise<Engine>;

/** The chat: its turns, and the one answer that is being generated. */
export class Conversation {
  readonly turns = new Store<Turn[]>([]);
  readonly generating = new Store(false);
  private abort: AbortController | undefined;
  private lastID = 0;

  async ask(ready: Ready, question: string, settings: Settings): Promise<void> {
    if (this.generating.value) return;
    this.turns.value = [...this.turns.value, { id: ++this.lastID, question, answer: EMPTY }];
    await this.generate(ready, settings);
  }

  /** Answers the last question once more. */
  async regenerate(ready: Ready, settings: Settings): Promise<void> {
    if (this.generating.value || this.turns.value.length === 0) return;
    this.replaceAnswer(EMPTY);
    await this.generate(ready, settings);
  }

  /** Ends the answer; what it has so far stays. */
  stop(): void {
    this.abort?.abort();
  }

  /** The last answer's error is dealt with: what came before it counts as stopped. */
  dismissError(): void {
    const answer = this.turns.value.at(-1)?.answer;
    if (answer?.error) this.replaceAnswer({ ...answer, error: undefined, finish: 'abort' });
  }

  clear(): void {
    this.stop();
    this.abort = undefined;
    this.generating.value = false;
    this.turns.value = [];
  }

  private async generate(ready: Ready, settings: Settings): Promise<void> {
    const abort = (this.abort = new AbortController());
    const flush = new Throttle(FLUSH_MS, (answer: Answer) => {
      if (this.abort === abort) this.replaceAnswer(answer);
    });
    this.generating.value = true;
    const stream = new AnswerStream();
    try {
      const engine = await ready(abort.signal);
      stream.read();
      flush.offer(stream.answer);
      const onPrefill = (done: number, total: number) => {
        stream.read(done / total);
        flush.offer(stream.answer);
      };
      const chunks = await engine.chat.completions.create({ messages: this.messages(), stream: true, signal: abort.signal, onPrefill, ...settings });
      for await (const chunk of chunks) {
        stream.add(chunk);
        flush.offer(stream.answer);
      }
    } catch (e) {
      const error = asTabseekError(e);
      if (error.code === 'aborted') stream.stop();
      else stream.fail(error);
    }
    flush.finish(stream.answer);
    if (this.abort === abort) this.generating.value = false;
  }

  /** What the model gets to see: reasoning of earlier turns is not part of it, nor are answers that never came. */
  private messages(): Message[] {
    return this.turns.value.flatMap(({ question, answer }, i, all): Message[] => {
      const asked: Message = { role: 'user', content: question };
      if (i === all.length - 1) return [asked];
      return answer.content ? [asked, { role: 'assistant', content: answer.content }] : [];
    });
  }

  private replaceAnswer(answer: Answer): void {
    const turns = this.turns.value;
    this.turns.value = [...turns.slice(0, -1), { ...turns.at(-1)!, answer }];
  }
}

/** Puts an answer together from its chunks. */
class AnswerStream {
  answer = EMPTY;
  /** The first chunk with tokens: speed is measured from there, so that reading the prompt does not count. */
  private first: { at: number; tokens: number } | undefined;

  add(chunk: Chunk): void {
    const { delta, finish_reason } = chunk.choices[0]!;
    if (delta.reasoning_content) this.think(delta.reasoning_content);
    if (delta.content) this.say(delta.content);
    if (chunk.tokens) this.measure(chunk.tokens);
    if (finish_reason) this.finish(finish_reason, chunk);
  }

  /** The model is there, and has read this part of the prompt. */
  read(part = 0): void {
    this.update({ stage: 'reading', read: part });
  }

  /** Stopped before the model was there. */
  stop(): void {
    this.endThinking();
    this.update({ stage: 'done', finish: 'abort' });
  }

  fail(error: TabseekError): void {
    this.endThinking();
    this.update({ stage: 'done', error });
  }

  private think(text: string): void {
    const { thinkingSince = performance.now(), reasoning } = this.answer;
    this.update({ stage: 'thinking', thinkingSince, reasoning: reasoning + text });
  }

  private say(text: string): void {
    const content = this.answer.content + text;
    // Between thinking and the answer there is often only white space, which is neither.
    if (content.trim() === '') return;
    this.endThinking();
    this.update({ stage: 'answering', content });
  }

  private endThinking(): void {
    const { thinkingSince, thinkingSeconds } = this.answer;
    if (thinkingSince === undefined || thinkingSeconds !== undefined) return;
    this.update({ thinkingSeconds: (performance.now() - thinkingSince) / 1000 });
  }

  private measure(tokens: number): void {
    const at = performance.now();
    this.first ??= { at, tokens };
    const seconds = (at - this.first.at) / 1000;
    if (seconds > 0) this.update({ tokensPerSecond: (tokens - this.first.tokens) / seconds });
  }

  private finish(finish: FinishReason, { usage, stats }: Chunk): void {
    this.endThinking();
    const measured = usage && stats && stats.decode_seconds > 0 ? usage.completion_tokens / stats.decode_seconds : undefined;
    this.update({ stage: 'done', finish, usage: usage ?? undefined, tokensPerSecond: measured ?? this.answer.tokensPerSecond });
  }

  private update(part: Partial<Answer>): void {
    this.answer = { ...this.answer, ...part };
  }
}

/** Hands on the newest value: the first at once, then at most one each period. */
class Throttle<T> {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = -Infinity;
  private pending: T | undefined;

  constructor(
    private readonly period: number,
    private readonly use: (value: T) => void,
  ) {}

  offer(value: T): void {
    this.pending = value;
    if (this.timer !== undefined) return;
    const wait = this.last + this.period - performance.now();
    if (wait <= 0) this.flush();
    else this.timer = setTimeout(() => this.flush(), wait);
  }

  /** Hands on the last value without waiting. */
  finish(value: T): void {
    this.pending = value;
    this.flush();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.last = performance.now();
    this.use(this.pending!);
  }
}
