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
 * The shapes are OpenAI's; reasoning comes apart from the answer as `delta.reasoning_content`. Whatever goes wrong, the
 * promise rejects with a TabseekError, whose code tells what. A parameter that is not known, of another type or out of
 * its bounds is `bad_request`, with its name in `fields.param`.
 */
import { TabseekError, type DeviceFacts, type LogitsRows, type Progress, type Recovery } from '../shared/messages';
import { bounds } from '../shared/messages.gen';
import type { EngineOptions, ExpertCounts, FinishReason, Measure, Measured, Mode, ModelInfo, Params, Stats } from '../shared/messages.gen';
import { chunks, completion, usageOf, type Chunks, type Completion, type CompletionRequest, type Create, type Usage } from './completion';
import { Connection, type Run } from './connection';
import { checkCallback, checkSignal, checkText, checkURL, fieldsOf } from './encode';
import { checkEscalate, escalating } from './escalate';
import { splitVerifier } from './strategy';

export { TabseekError };
export { bounds, MAX_REQUEST_BYTES } from '../shared/messages.gen';
export type { DeviceFacts, LogitsRows, Progress, Recovery } from '../shared/messages';
export type { Effort, ErrorCode, ExpertCounts, FinishReason, Group, Lane, Logprob, Logprobs, Measure, Measured, Message, Mode, ModelInfo, Params, Result, Role, Stats } from '../shared/messages.gen';
export type { StopRule, Strategy, StrategyMode, StreamOptions, Tally, TopLogprob, TraceSummary, Verifier, VerifierType } from '../shared/messages.gen';
export type { Choice, Chunk, ChunkChoice, Chunks, Completion, CompletionRequest, Create, Delta, Said, StrategyRequest, StrategyResult, Usage } from './completion';
export type { Escalate, Escalated } from './escalate';
export type { VerifierFunction } from './connection';
export { remote, RemoteEngine, type RemoteInfo, type RemoteOptions } from './remote/engine';
export type { Capabilities, RemoteModel } from './remote/capabilities';

export interface LoadOptions extends EngineOptions {
  /**
   * The SHA-256 of its model.json, as the server's list of models has it. A model that lies on this device is used without
   * asking the network if it has that one; without it, the one that lies here is used, and a newer one from the next load on.
   */
  sha256?: string;
  /** Where the worker's script lies, of this page's origin: beside this module, if left out. For bundlers, which move modules. */
  workerURL?: string;
  /** Where the engine lies: beside the worker, if left out. */
  wasmURL?: string;
  /** The packed model's files by name, `model.json` among them, which the user chose: nothing is fetched then, and `modelURL` is only what the model is known by. */
  files?: Record<string, Blob>;
  /** Called while the model loads. */
  onProgress?: (progress: Progress) => void;
  /** Called when the GPU was lost; the model comes to another by itself, and what is under way goes on there. */
  onRecovery?: (recovery: Recovery) => void;
  /** Stops loading. */
  signal?: AbortSignal;
}

export interface GenerateOptions extends Omit<Params, 'n' | 'stream' | 'stream_options'> {
  /** Ends the answer early, with finish_reason abort. */
  signal?: AbortSignal;
  /** Called with tokens as they come. */
  onTokens?: (tokens: number[]) => void;
}

export interface LogitsOptions {
  /** By which kernels; prefill, if left out. */
  mode?: Mode;
  /** The MTP module's drafts as well. */
  draft?: boolean;
  /** Stops it: it rejects with aborted. */
  signal?: AbortSignal;
}

export interface Generation {
  tokens: number[];
  text: string;
  finish_reason: FinishReason;
  usage: Usage;
  stats: Stats;
  /** With `n` above 1: all answers, this one the first. */
  choices?: Generation[];
}

/** Loads a packed model into GPU memory. */
export async function load(modelURL: string, options: LoadOptions = {}): Promise<Engine> {
  const url = checkURL('modelURL', modelURL);
  const { onProgress, onRecovery, signal, sha256, workerURL, wasmURL, files, ...engineOptions } = fieldsOf('options', options);
  checkCallback('onProgress', onProgress);
  checkCallback('onRecovery', onRecovery);
  checkSignal(signal);
  if (sha256 !== undefined) checkText('sha256', sha256);
  const worker = workerURL === undefined ? undefined : checkURL('workerURL', workerURL);
  const engineURL = wasmURL === undefined ? undefined : checkURL('wasmURL', wasmURL);
  const connection = new Connection(worker, onRecovery);
  try {
    return new Engine(connection, await connection.load({ modelURL: url, sha256, engineURL, files }, engineOptions, onProgress, signal));
  } catch (e) {
    if (!signal?.aborted) connection.close(new TabseekError('bad_request', 'the model is not loaded')); // it ends by itself then
    throw e;
  }
}

/**
 * What this device can do: whether each kind of kernel gives known answers, how fast it reads, and how large a buffer may be. The first
 * time it takes a second or two; it is remembered for the device and this build. Rejects where there is no device.
 */
export async function examineDevice(options: { workerURL?: string } = {}): Promise<DeviceFacts> {
  const { workerURL } = fieldsOf('options', options);
  const connection = new Connection(workerURL === undefined ? undefined : checkURL('workerURL', workerURL));
  try {
    return await connection.examine();
  } finally {
    connection.close(new TabseekError('bad_request', 'there is no model'));
  }
}

export { deleteModel, storedModels, type StoredModel } from '../storage/models';

/** A loaded model. Answers are computed side by side, rows of logits alone. */
export class Engine {
  readonly remote = false;
  readonly chat: { completions: { create: Create } };

  /** @internal */
  constructor(
    private readonly connection: Connection,
    /** Facts about the model. */
    readonly info: ModelInfo,
  ) {
    this.chat = { completions: { create: ((request: CompletionRequest) => this.create(request)) as Create } };
  }

  /** A row of logits for each token of a prompt. */
  async logits(tokens: ArrayLike<number>, options: LogitsOptions = {}): Promise<LogitsRows> {
    const { signal, ...rest } = fieldsOf('options', options);
    checkSignal(signal);
    return this.connection.logits({ ...rest, type: 'logits', tokens: listOf(tokens) }, signal);
  }

  /**
   * Times kernels on this device, alone: two probes of what it reads and computes at most, and then each kind of dispatch of a
   * step of decoding; or, with `rows`, `columns` and `format`, one product.
   */
  async measure(options: Measure & { signal?: AbortSignal } = {}): Promise<Measured[]> {
    const { signal, ...measure } = fieldsOf('options', options);
    checkSignal(signal);
    return this.connection.measure({ type: 'measure', measure }, signal);
  }

  /** Continues raw prompt ids. */
  async generate(tokens: ArrayLike<number>, options: GenerateOptions = {}): Promise<Generation> {
    const { signal, onTokens, ...params } = fieldsOf('options', options);
    checkSignal(signal);
    checkCallback('onTokens', onTokens);
    const answers = oneByOne(params).map(async (params, i) => generation(
      await this.connection.run({ type: 'generate', tokens: listOf(tokens), params }, signal),
      i === 0 ? onTokens : undefined,
    ));
    const choices = await Promise.all(answers);
    return choices.length === 1 ? choices[0]! : { ...choices[0]!, choices };
  }

  /**
   * How often each expert has been visited since the model came to the GPU, by what was decoded: for each layer its experts' counts, none for a
   * dense one. It may be asked while answers are under way; the difference of two reports is what came between them.
   */
  async experts(): Promise<ExpertCounts> {
    return this.connection.experts();
  }

  /** Counts and times of the last finished request. */
  async stats(): Promise<Stats | undefined> {
    return this.connection.stats();
  }

  /** @internal For tests: the GPU is lost. */
  loseDevice(): void {
    this.connection.lose();
  }

  /** Ends what is under way, with finish_reason abort, frees the GPU and ends the worker. Later calls reject. */
  async unload(): Promise<void> {
    return this.connection.unload();
  }

  /** The answers are requests of their own, which the engine computes side by side; answer i has the seed after the first's by i. */
  private async create(request: CompletionRequest): Promise<Chunks | Completion> {
    const { messages, signal, onPrefill, strategy, escalate, ...rest } = fieldsOf('the request', request);
    checkSignal(signal);
    checkCallback('onPrefill', onPrefill);
    checkEscalate(escalate, strategy);
    const { verifier, ...named } = splitVerifier(strategy);
    const params: Params = { ...rest, ...named };
    const run = (params: Params) => this.connection.run({ type: 'chat', messages, params }, signal, verifier);
    const answers = await Promise.all(oneByOne(params).map(run)); // the engine has found all of it good
    const whole = params.stream !== true;
    const includeUsage = whole || params.stream_options?.include_usage === true;
    const stream = chunks({ model: this.info.name, answers, includeUsage, onPrefill });
    const { answerNow, thinkLonger } = stream;
    const told = escalate ? Object.assign(escalating(stream, escalate, { messages, signal }), { answerNow, thinkLonger }) : stream;
    return whole ? completion(told) : told;
  }
}

async function generation({ steps }: Run, onTokens: GenerateOptions['onTokens']): Promise<Generation> {
  const tokens: number[] = [];
  let text = '';
  for await (const step of steps) {
    if (step.kind === 'delta') {
      for (const id of step.tokens) tokens.push(id);
      text += step.reasoning + step.content;
      onTokens?.(step.tokens);
    } else if (step.kind === 'done') {
      return { tokens, text, finish_reason: step.finish_reason, usage: usageOf(step.usage), stats: step.stats };
    }
  }
  throw new TabseekError('internal', 'the answer did not end');
}

/** The parameters of each of several answers. What is no number of answers, the engine refuses; with a strategy it is that one's. */
function oneByOne(params: Params): Params[] {
  const { n, seed } = params;
  if (params.strategy !== undefined || !Number.isInteger(n) || n! < bounds.n.min || n! > bounds.n.max) return [params];
  return Array.from({ length: n! }, (_, i) => ({ ...params, n: 1, ...(typeof seed === 'number' && { seed: i > 0 ? (seed + i) >>> 0 : seed }) }));
}

/** Typed arrays of ids count as lists. */
const listOf = (tokens: ArrayLike<number>): number[] => (ArrayBuffer.isView(tokens) ? Array.from(tokens as ArrayLike<number>) : (tokens as number[]));
