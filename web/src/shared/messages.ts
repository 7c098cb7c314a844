// The messages between the main thread (api) and the dedicated worker (host): one table, both directions.
//
//   main -> worker          worker -> main
//   load                    progress*, then reply {info}
//   chat, generate          delta*, then done
//   logits                  reply {rows}
//   cancel                  the request it names ends with done, finish_reason "abort"
//   stats                   reply {stats}
//   unload                  reply
//
// Any request may be answered by error instead. Errors keep their code and fields across the boundary.

/** Why something failed, for programs; the message says it for people. */
export type ErrorCode =
  | 'no_webgpu' // the browser has no WebGPU, or no adapter
  | 'insecure_context' // WebGPU needs HTTPS or localhost
  | 'download_failed'
  | 'bad_hash'
  | 'bad_model'
  | 'out_of_memory'
  | 'device_lost'
  | 'context_full'
  | 'bad_request'
  | 'numeric_fault'
  | 'aborted'
  | 'internal';

/** An error with a code; `fields` holds the particulars, such as the shard's name. */
export class TabseekError extends Error {
  override name = 'TabseekError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly fields: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

export interface ErrorShape {
  code: ErrorCode;
  message: string;
  fields: Record<string, unknown>;
}

/** An error as it crosses the boundary. */
export function errorShape(e: unknown): ErrorShape {
  if (e instanceof TabseekError) return { code: e.code, message: e.message, fields: e.fields };
  return { code: 'internal', message: e instanceof Error ? e.message : String(e), fields: {} };
}

/** The error on the other side of the boundary. */
export const fromShape = (s: ErrorShape): TabseekError => new TabseekError(s.code, s.message, s.fields);

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Sampling parameters; what is left out is the model's recommendation. */
export interface SamplingParams {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  repetition_penalty?: number;
  seed?: number;
  max_tokens?: number;
  /** Go on past the end of sequence, up to max_tokens: for benchmarks. */
  ignore_eos?: boolean;
  thinking?: boolean;
}

export interface LoadOptions {
  /** Positions a conversation can hold; the model's own, at most 4096, if left out. */
  context?: number;
  /** Tokens decoded in one submit. */
  chunk?: number;
}

/** What the engine says of a loaded model (engine.ModelInfo in Go). */
export interface ModelInfo {
  name: string;
  chat: string;
  context: number;
  vocab_size: number;
  layers: number;
  params_total: number;
  params_active: number;
  weight_bytes: number;
  bytes_per_token: number;
  kv_bytes_per_token: number;
  chunk: number;
  profile: string;
  temperature: number;
  top_p: number;
  drafts: boolean;
}

export interface Progress {
  phase: 'manifest' | 'compile' | 'weights' | 'ready';
  loaded: number;
  total: number;
  bytesPerSecond: number;
}

export interface Usage {
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
}

/** Counts and times of a finished request; counts are totals over its decode phase. */
export interface Stats {
  prompt_tokens: number;
  completion_tokens: number;
  prefill_seconds: number;
  decode_seconds: number;
  load_seconds: number;
  dispatches: number;
  submits: number;
  readbacks: number;
  guest_calls: number;
  guest_seconds: number;
  weight_bytes: number;
  kv_bytes_per_token: number;
  guest_heap_bytes: number;
  device: string;
  profile: string;
}

export type FinishReason = 'stop' | 'length' | 'abort';

export interface LogitsRows {
  /** Row i is for prompt token i. */
  rows: Float32Array[];
  /** Row i drafts the token after the next of prompt token i; empty unless asked for. */
  drafts: Float32Array[];
}

/** Main thread to worker. */
export type ToWorker =
  | { kind: 'load'; id: number; modelURL: string; options: LoadOptions }
  | { kind: 'chat'; id: number; messages: Message[]; params: SamplingParams }
  | { kind: 'generate'; id: number; tokens: number[]; params: SamplingParams }
  | { kind: 'logits'; id: number; tokens: number[]; mode: 'prefill' | 'decode'; draft: boolean }
  | { kind: 'cancel'; id: number; target: number }
  | { kind: 'stats'; id: number }
  | { kind: 'unload'; id: number };

/** Worker to main thread; `id` is the request's. */
export type FromWorker =
  | { kind: 'progress'; id: number; progress: Progress }
  | { kind: 'prefill'; id: number; done: number; total: number }
  | { kind: 'delta'; id: number; content: string; reasoning: string; tokens: number[] }
  | { kind: 'done'; id: number; finish_reason: FinishReason; usage: Usage; stats: Stats }
  | { kind: 'reply'; id: number; info?: ModelInfo; logits?: LogitsRows; stats?: Stats }
  | { kind: 'error'; id: number; error: ErrorShape };
