/**
 * Tabseek's public API: a DeepSeek-architecture model in a browser tab, on the user's own GPU.
 *
 * ```js
 * import { load } from '/tabseek.js';
 * const engine = await load('/models/pocket', { onProgress: console.log });
 * const stream = await engine.chat.completions.create({ messages: [{ role: 'user', content: 'What is 47 + 85?' }], stream: true });
 * for await (const chunk of stream) console.log(chunk.choices[0].delta);
 * ```
 *
 * The shapes are OpenAI's; reasoning comes apart from the answer as `delta.reasoning_content`.
 */
import {
  fromShape,
  TabseekError,
  type FinishReason,
  type FromWorker,
  type LoadOptions as EngineOptions,
  type LogitsRows,
  type Message,
  type ModelInfo,
  type Progress,
  type SamplingParams,
  type Stats,
  type ToWorker,
  type Usage as EngineUsage,
} from '../shared/messages';

export { TabseekError };
export type { ErrorCode, FinishReason, LogitsRows, Message, ModelInfo, Progress, SamplingParams, Stats } from '../shared/messages';

export interface LoadOptions extends EngineOptions {
  /** Called while the model loads. */
  onProgress?: (progress: Progress) => void;
  /** Stops loading. */
  signal?: AbortSignal;
}

export interface CompletionRequest extends SamplingParams {
  messages: Message[];
  /** Chunks as they come, or the whole answer at the end. */
  stream?: boolean;
  /** How many answers; they are generated one after the other. */
  n?: number;
  signal?: AbortSignal;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

export interface Chunk {
  object: 'chat.completion.chunk';
  model: string;
  choices: { index: number; delta: { role?: 'assistant'; content?: string; reasoning_content?: string }; finish_reason: FinishReason | null }[];
  /** Tokens generated so far for this choice, thinking included. */
  tokens?: number;
  /** On the last chunk of each choice. */
  usage?: Usage;
  stats?: Stats;
}

export interface Completion {
  object: 'chat.completion';
  model: string;
  choices: { index: number; message: { role: 'assistant'; content: string; reasoning_content: string }; finish_reason: FinishReason }[];
  usage: Usage;
}

export interface GenerateOptions extends SamplingParams {
  signal?: AbortSignal;
  /** Called with tokens as they come. */
  onTokens?: (tokens: number[]) => void;
}

export interface Generation {
  tokens: number[];
  text: string;
  finish_reason: FinishReason;
  usage: Usage;
  stats: Stats;
}

/** Loads a packed model into GPU memory. Rejects with a TabseekError. */
export async function load(modelURL: string, options: LoadOptions = {}): Promise<Engine> {
  const { onProgress, signal, ...engineOptions } = options;
  const connection = new Connection();
  try {
    const url = new URL(modelURL, document.baseURI).href;
    const info = await connection.load(url, engineOptions, onProgress, signal);
    return new Engine(connection, info);
  } catch (e) {
    connection.close();
    throw e;
  }
}

/** A loaded model. Requests are worked on one after the other. */
export class Engine {
  readonly chat: { completions: { create: Create } };

  /** @internal */
  constructor(
    private readonly connection: Connection,
    /** Facts about the model. */
    readonly info: ModelInfo,
  ) {
    const create = (request: CompletionRequest) => (request.stream ? Promise.resolve(this.stream(request)) : this.complete(request));
    this.chat = { completions: { create: create as Create } };
  }

  /** A row of logits for each token of a prompt, by the kernels of prefill or of decoding; with draft, the MTP module's as well. */
  async logits(tokens: number[], options: { mode?: 'prefill' | 'decode'; draft?: boolean } = {}): Promise<LogitsRows> {
    const reply = await this.connection.ask({ kind: 'logits', id: 0, tokens, mode: options.mode ?? 'prefill', draft: options.draft ?? false });
    return reply.logits!;
  }

  /** Continues raw prompt ids. */
  async generate(tokens: number[], options: GenerateOptions = {}): Promise<Generation> {
    const { signal, onTokens, ...params } = options;
    const out: number[] = [];
    let text = '';
    for await (const m of this.connection.run({ kind: 'generate', id: 0, tokens, params }, signal)) {
      if (m.kind === 'delta') {
        out.push(...m.tokens);
        text += m.reasoning + m.content;
        onTokens?.(m.tokens);
      } else {
        return { tokens: out, text, finish_reason: m.finish_reason, usage: usageOf(m.usage), stats: m.stats };
      }
    }
    throw new TabseekError('internal', 'the answer did not end');
  }

  /** Counts and times of the last finished request. */
  async stats(): Promise<Stats | undefined> {
    return (await this.connection.ask({ kind: 'stats', id: 0 })).stats;
  }

  /** Frees the GPU and ends the worker. */
  async unload(): Promise<void> {
    await this.connection.ask({ kind: 'unload', id: 0 });
    this.connection.close();
  }

  private async *stream(request: CompletionRequest): AsyncGenerator<Chunk, void> {
    const { messages, signal, n = 1, stream: _, ...params } = request;
    for (let index = 0; index < n; index++) {
      const chunk = (delta: Chunk['choices'][0]['delta'], finish_reason: FinishReason | null): Chunk => ({
        object: 'chat.completion.chunk',
        model: this.info.name,
        choices: [{ index, delta, finish_reason }],
      });
      yield chunk({ role: 'assistant' }, null);
      let tokens = 0;
      const seeded = { ...params, seed: nextSeed(params.seed, index) };
      for await (const m of this.connection.run({ kind: 'chat', id: 0, messages, params: seeded }, signal)) {
        if (m.kind === 'done') {
          yield { ...chunk({}, m.finish_reason), usage: usageOf(m.usage), stats: m.stats };
          continue;
        }
        tokens += m.tokens.length;
        const delta: Chunk['choices'][0]['delta'] = {};
        if (m.reasoning) delta.reasoning_content = m.reasoning;
        if (m.content) delta.content = m.content;
        if (m.reasoning || m.content) yield { ...chunk(delta, null), tokens };
      }
    }
  }

  private async complete(request: CompletionRequest): Promise<Completion> {
    const out: Completion = { object: 'chat.completion', model: this.info.name, choices: [], usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } };
    for await (const { choices, usage } of this.stream(request)) {
      const { index, delta, finish_reason } = choices[0]!;
      const choice = (out.choices[index] ??= { index, message: { role: 'assistant', content: '', reasoning_content: '' }, finish_reason: 'abort' });
      choice.message.content += delta.content ?? '';
      choice.message.reasoning_content += delta.reasoning_content ?? '';
      if (finish_reason) choice.finish_reason = finish_reason;
      if (usage) {
        out.usage.prompt_tokens = usage.prompt_tokens;
        out.usage.completion_tokens += usage.completion_tokens;
        out.usage.total_tokens = out.usage.prompt_tokens + out.usage.completion_tokens;
      }
    }
    return out;
  }
}

export interface Create {
  (request: CompletionRequest & { stream: true }): Promise<AsyncGenerator<Chunk, void>>;
  (request: CompletionRequest & { stream?: false }): Promise<Completion>;
}

/** Without a seed every answer is another; with one, answer i has the seed after it by i. */
function nextSeed(seed: number | undefined, index: number): number {
  const first = seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
  return (first + index) >>> 0;
}

const usageOf = (u: EngineUsage): Usage => ({
  prompt_tokens: u.prompt_tokens,
  completion_tokens: u.completion_tokens,
  total_tokens: u.prompt_tokens + u.completion_tokens,
});

/** What comes between a request and its end. */
type Step = Extract<FromWorker, { kind: 'delta' | 'done' }>;

/** The worker, and which request each of its messages belongs to. */
class Connection {
  private readonly worker: Worker;
  private readonly listeners = new Map<number, (m: FromWorker) => void>();
  private lastID = 0;

  constructor() {
    this.worker = new Worker(scriptURL(new URL('./worker.js', import.meta.url).href) as unknown as string, { type: 'module' });
    this.worker.addEventListener('message', (e: MessageEvent<FromWorker>) => this.listeners.get(e.data.id)?.(e.data));
    this.worker.addEventListener('error', (e) => {
      const error = { code: 'internal' as const, message: e.message || 'the worker did not start', fields: {} };
      for (const [id, listener] of this.listeners) listener({ kind: 'error', id, error });
    });
  }

  close(): void {
    this.worker.terminate();
  }

  private send(m: ToWorker, listener: (m: FromWorker) => void): number {
    const id = ++this.lastID;
    this.listeners.set(id, listener);
    this.worker.postMessage({ ...m, id });
    return id;
  }

  /** A request that has one reply. */
  ask(m: ToWorker): Promise<Extract<FromWorker, { kind: 'reply' }>> {
    return new Promise((resolve, reject) => {
      const id = this.send(m, (answer) => {
        if (answer.kind === 'reply') resolve(answer);
        else if (answer.kind === 'error') reject(fromShape(answer.error));
        else if (answer.kind !== 'done') return;
        this.listeners.delete(id);
      });
    });
  }

  load(modelURL: string, options: EngineOptions, onProgress?: (p: Progress) => void, signal?: AbortSignal): Promise<ModelInfo> {
    return new Promise((resolve, reject) => {
      const id = this.send({ kind: 'load', id: 0, modelURL, options }, (m) => {
        if (m.kind === 'progress') onProgress?.(m.progress);
        else if (m.kind === 'reply') resolve(m.info!);
        else if (m.kind === 'error') reject(fromShape(m.error));
      });
      const abort = () => {
        this.worker.postMessage({ kind: 'cancel', id: 0, target: id } satisfies ToWorker);
        reject(new TabseekError('aborted', 'loading was stopped'));
      };
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** A request that streams. Leaving the loop early, or the signal, cancels it. */
  async *run(m: ToWorker, signal?: AbortSignal): AsyncGenerator<Step, void> {
    const queue: FromWorker[] = [];
    let wake = () => {};
    const id = this.send(m, (answer) => {
      queue.push(answer);
      wake();
    });
    const cancel = () => this.worker.postMessage({ kind: 'cancel', id: 0, target: id } satisfies ToWorker);
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    let ended = false;
    try {
      for (;;) {
        const next = queue.shift();
        if (!next) {
          await new Promise<void>((resolve) => (wake = resolve));
          continue;
        }
        if (next.kind === 'error') {
          ended = true;
          throw fromShape(next.error);
        }
        if (next.kind === 'done') ended = true;
        if (next.kind === 'delta' || next.kind === 'done') yield next;
        if (ended) return;
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.listeners.delete(id);
      if (!ended) cancel();
    }
  }
}

/** A script's URL as the page's Trusted Types policy wants it. */
const scriptURL: (url: string) => string = (() => {
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } } }).trustedTypes;
  const policy = types?.createPolicy('tabseek', { createScriptURL: (url: string) => url });
  return (url) => policy?.createScriptURL(url) ?? url;
})();
