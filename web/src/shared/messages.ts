// The messages between the main thread (api) and the dedicated worker (host): one table, both directions. What is inside
// them, the engine's own requests and events, is generated from Go: messages.gen.ts.
//
//   main -> worker          worker -> main
//                           alive, once; recovery, when the GPU was lost and is replaced
//   load                    progress*, then reply {info}
//   request: chat, generate accepted, (prefill | delta)*, then done
//            logits         accepted, then reply {logits}
//            experts        accepted, then reply {experts}
//            with strategy  lane and tally among the deltas, verify where the caller's function is the verifier; again, when the GPU
//                           was replaced and all lanes begin anew
//            cancel         the request it names ends with done, finish_reason "abort"; logits with error "aborted"
//            answer_now, think_longer, verdict: the request they name goes on accordingly, if it is under way
//   stats                   reply {stats}
//   examine                 reply {device}; needs no model
//   lose                    for tests: the GPU is lost
//   unload                  every request under way ends as if cancelled, then reply
//
// Each but cancel and what steers is answered exactly once, by the last in its line or by error. An error of id 0 answers all. Errors keep
// their code and fields across the boundary.

import type { EngineEvent, ErrorCode, ExpertCounts, FinishReason, Lane, Logprobs, Measured, ModelInfo, RequestType, Result, Stats, Tally, Usage } from './messages.gen';

/** An error with a code; `fields` holds the particulars, such as the shard's name or the parameter's. */
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

/** The error that an event of the engine reports. */
export const engineError = (e: EngineEvent): TabseekError =>
  new TabseekError(e.code ?? 'internal', e.message ?? 'the engine failed', e.param ? { param: e.param } : {});

/** What an event of a request tells before its end. */
export function stepOf(e: EngineEvent): Extract<FromWorker, { kind: 'prefill' | 'delta' | 'lane' | 'verify' | 'tally' }> | undefined {
  switch (e.type) {
    case 'prefill':
      return { kind: 'prefill', id: e.id, done: e.done ?? 0, total: e.total ?? 0 };
    case 'delta':
      return { kind: 'delta', id: e.id, content: e.content ?? '', reasoning: e.reasoning ?? '', tokens: e.tokens ?? [], logprobs: e.logprobs };
    case 'lane':
      return { kind: 'lane', id: e.id, lane: e.lane! };
    case 'verify':
      return { kind: 'verify', id: e.id, lane: e.lane! };
    case 'tally':
      return { kind: 'tally', id: e.id, tally: e.tally! };
    default:
      return undefined;
  }
}

export interface Progress {
  /** 'download' from the first byte on that does not lie on this device. */
  phase: 'manifest' | 'compile' | 'download' | 'weights';
  loaded: number;
  total: number;
  /** In the last seconds. */
  bytesPerSecond: number;
}

/** The GPU was lost, and what has come of it. Requests under way go on when the model is on another; those that come meanwhile wait. */
export interface Recovery {
  /** 'waiting' while the browser gives no other. */
  state: 'lost' | 'waiting' | 'restored';
  message: string;
}

/** What a device can do, found out by trying (host/examine.ts). */
export interface DeviceFacts {
  name: string;
  /** Bytes a second that it reads, one after the other; 0 where it computes wrong numbers. */
  bytes_per_second: number;
  /** Bytes of the largest buffer that a kernel can be given. */
  max_binding: number;
  /** Kinds of kernels that gave wrong answers: attention, experts, routing, norm, sampling, product. */
  wrong: string[];
}

export interface LogitsRows {
  /** Row i is for prompt token i. */
  rows: Float32Array[];
  /** Row i drafts the token after the next of prompt token i; empty unless asked for. */
  drafts: Float32Array[];
}

/** A packed model's files by name, as the user chose them. */
export type ModelFiles = Record<string, Blob>;

/** Main thread to worker. JSON is as the engine reads it, who also checks it. */
export type ToWorker =
  | { kind: 'load'; id: number; modelURL: string; sha256?: string; engineURL?: string; json: string; files?: ModelFiles } // EngineOptions; sha256 is model.json's, where it is known
  | { kind: 'request'; id: number; type: RequestType; json: string } // EngineRequest; cancel and what steers have the id of what they mean
  | { kind: 'stats'; id: number }
  | { kind: 'examine'; id: number }
  | { kind: 'lose'; id: number }
  | { kind: 'unload'; id: number };

/** Worker to main thread; `id` is the request's. */
export type FromWorker =
  | { kind: 'alive'; id: 0 } // the worker holds the lock of its name, for as long as it lives
  | { kind: 'recovery'; id: 0; recovery: Recovery }
  | { kind: 'progress'; id: number; progress: Progress }
  | { kind: 'accepted'; id: number }
  | { kind: 'prefill'; id: number; done: number; total: number }
  | { kind: 'delta'; id: number; content: string; reasoning: string; tokens: number[]; logprobs?: Logprobs }
  | { kind: 'lane'; id: number; lane: Lane }
  | { kind: 'verify'; id: number; lane: Lane }
  | { kind: 'tally'; id: number; tally: Tally }
  | { kind: 'again'; id: number }
  | { kind: 'measured'; id: number; measured: Measured }
  | { kind: 'done'; id: number; finish_reason: FinishReason; usage: Usage; stats: Stats; tabseek?: Result }
  | { kind: 'reply'; id: number; info?: ModelInfo; logits?: LogitsRows; stats?: Stats; experts?: ExpertCounts; device?: DeviceFacts }
  | { kind: 'error'; id: number; error: ErrorShape };
