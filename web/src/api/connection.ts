// The worker, and which request each of its messages belongs to. Whatever happens, every call settles: what is open when
// the connection closes is rejected, and so is what comes later.

import { errorShape, fromShape, TabseekError, type DeviceFacts, type FromWorker, type ModelFiles, type Progress, type Recovery, type ToWorker } from '../shared/messages';
import type { EngineOptions, EngineRequest, Lane, Measured, ModelInfo } from '../shared/messages.gen';
import { encode, refuse, show } from './encode';

/** What the worker's script is called in this build (web/build). */
declare const WORKER_URL: string;

/** So long a worker has for ending its connections, in milliseconds. */
const ABORT_MS = 1000;

export type Reply = Extract<FromWorker, { kind: 'reply' }>;

/** What comes between the acceptance of a request and its end. */
export type Step = Extract<FromWorker, { kind: 'prefill' | 'delta' | 'lane' | 'tally' | 'again' | 'done' }>;

/** The steps of a request, which can be told to answer now or to think longer. */
export interface Run {
  steps: AsyncGenerator<Step, void>;
  steer: (type: 'answer_now' | 'think_longer') => void;
}

/** Says whether an answer is right. */
export type VerifierFunction = (answer: string) => boolean | Promise<boolean>;

/** The name by which errors know it. */
const VERIFIER = 'strategy.verifier';

/** A request that is open: what comes of it, how to end it, and how to tell the engine of it otherwise. */
interface Opened {
  queue: Queue;
  cancel: () => void;
  tell: (request: Ask<EngineRequest>) => void; // if it is under way
}

/** A request without its id, which the connection gives it. */
type Ask<M> = M extends { id: number } ? Omit<M, 'id'> : never;

/** Where a model and the engine come from. */
export interface Places {
  modelURL: string;
  sha256?: string;
  engineURL?: string;
  files?: ModelFiles;
}

export class Connection {
  private readonly worker: Worker;
  private readonly listeners = new Map<number, (m: FromWorker) => void>();
  private lastID = 0;
  /** Why nothing can be asked any more. */
  private closed: TabseekError | undefined;
  private unloading: Promise<void> | undefined;

  constructor(workerURL = new URL(WORKER_URL, import.meta.url).href, private readonly onRecovery?: (recovery: Recovery) => void) {
    const name = `tabseek-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
    this.worker = new Worker(scriptURL(workerURL) as unknown as string, { type: 'module', name });
    this.worker.addEventListener('message', (e: MessageEvent<FromWorker>) => this.receive(e.data, name));
    this.worker.addEventListener('error', (e) => this.close(new TabseekError('internal', e.message || 'the worker did not start')));
    this.worker.addEventListener('messageerror', () => this.close(new TabseekError('internal', 'a message of the worker cannot be read')));
  }

  private receive(m: FromWorker, name: string): void {
    if (m.kind === 'alive') {
      // The browser tells nobody of a worker's end; but the lock comes free.
      void navigator.locks.request(name, () => this.close(new TabseekError('internal', 'the worker has ended')));
    } else if (m.kind === 'recovery') {
      this.onRecovery?.(m.recovery);
    } else if (m.kind === 'error' && m.id === 0) {
      this.close(fromShape(m.error));
    } else {
      this.listeners.get(m.id)?.(m);
    }
  }

  /** Ends the worker. What is open is rejected with the reason, and so is what is asked later. */
  close(reason: TabseekError): void {
    this.worker.terminate();
    this.reject(reason);
  }

  private reject(reason: TabseekError): void {
    this.closed ??= reason;
    const error = { code: reason.code, message: reason.message, fields: reason.fields };
    for (const [id, listener] of this.listeners) listener({ kind: 'error', id, error });
    this.listeners.clear();
  }

  /** Ends loading. The worker breaks its connections off, and lets go of its files and of the GPU, before it goes. */
  private abort(): void {
    const unload: ToWorker = { kind: 'unload', id: 0 };
    this.worker.postMessage(unload);
    this.worker.addEventListener('message', (e: MessageEvent<FromWorker>) => e.data.kind === 'reply' && this.worker.terminate());
    setTimeout(() => this.worker.terminate(), ABORT_MS);
    this.reject(new TabseekError('aborted', 'loading was stopped'));
  }

  private send(make: (id: number) => ToWorker, listener: (m: FromWorker) => void): number {
    if (this.closed) throw this.closed;
    const id = ++this.lastID;
    this.worker.postMessage(make(id));
    this.listeners.set(id, listener);
    return id;
  }

  /** A request that has one reply. */
  private ask(m: Ask<ToWorker>, onProgress?: (p: Progress) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const id = this.send((id) => ({ ...m, id }), (answer) => {
        if (answer.kind === 'progress') return onProgress?.(answer.progress);
        if (answer.kind === 'reply') resolve(answer);
        else if (answer.kind === 'error') reject(fromShape(answer.error));
        else return;
        this.listeners.delete(id);
      });
    });
  }

  /** The signal closes the connection: a model that is not wanted any more needs no worker. */
  async load({ modelURL, sha256, engineURL, files }: Places, options: EngineOptions, onProgress?: (p: Progress) => void, signal?: AbortSignal | null): Promise<ModelInfo> {
    const abort = () => this.abort();
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    try {
      return (await this.ask({ kind: 'load', modelURL, sha256, engineURL, files, json: encode(options) }, onProgress)).info!;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** For tests: the GPU is lost. */
  lose(): void {
    this.worker.postMessage({ kind: 'lose', id: 0 } satisfies ToWorker);
  }

  /** What the device can do; no model is needed for it. */
  async examine(): Promise<DeviceFacts> {
    return (await this.ask({ kind: 'examine' })).device!;
  }

  async stats(): Promise<Reply['stats']> {
    return (await this.ask({ kind: 'stats' })).stats;
  }

  /** Rows of logits. The signal rejects with aborted. */
  async logits(request: Ask<EngineRequest>, signal?: AbortSignal | null): Promise<NonNullable<Reply['logits']>> {
    const { queue } = this.open(request, signal);
    for (;;) {
      const m = await queue.next();
      if (m.kind === 'reply') return m.logits!;
    }
  }

  /** How often each expert has been visited. */
  async experts(): Promise<NonNullable<Reply['experts']>> {
    const { queue } = this.open({ type: 'experts' });
    for (;;) {
      const m = await queue.next();
      if (m.kind === 'reply') return m.experts!;
    }
  }

  /** What kernels take. The signal ends it early, with what there is. */
  async measure(request: Ask<EngineRequest>, signal?: AbortSignal | null): Promise<Measured[]> {
    const { queue } = this.open(request, signal);
    const list: Measured[] = [];
    for (;;) {
      const m = await queue.next();
      if (m.kind === 'measured') list.push(m.measured);
      if (m.kind === 'done') return list;
    }
  }

  /** A request that streams. Resolves when the engine has accepted it; leaving the loop early, or the signal, cancels it. */
  async run(request: Ask<EngineRequest>, signal?: AbortSignal | null, verifier?: VerifierFunction): Promise<Run> {
    const { queue, cancel, tell } = this.open(request, signal, verifier);
    await queue.next(); // accepted, or it throws
    return { steps: steps(queue, cancel), steer: (type) => tell({ type }) };
  }

  private open(request: Ask<EngineRequest>, signal?: AbortSignal | null, verifier?: VerifierFunction): Opened {
    const queue = new Queue();
    const id = this.send((id) => ({ kind: 'request', id, type: request.type, json: encode({ ...request, id }) }), (m) => {
      if (m.kind === 'verify') return void judge(m.lane);
      queue.push(m);
      if (m.kind !== 'done' && m.kind !== 'reply' && m.kind !== 'error') return;
      this.listeners.delete(id);
      signal?.removeEventListener('abort', cancel);
    });
    const tell = (request: Ask<EngineRequest>) => {
      if (this.listeners.has(id)) this.worker.postMessage({ kind: 'request', id, type: request.type, json: encode({ ...request, id }) } satisfies ToWorker);
    };
    const cancel = () => tell({ type: 'cancel' });
    const judge = async ({ trace, content = '' }: Lane) => {
      try {
        tell({ type: 'verdict', trace, accepted: await judged(verifier, content) });
      } catch (e) {
        queue.push({ kind: 'error', id, error: errorShape(e) });
        cancel();
      }
    };
    signal?.addEventListener('abort', cancel);
    if (signal?.aborted) cancel();
    return { queue, cancel, tell };
  }

  /** Ends all requests and the worker. A worker that is dead already has nothing to free. */
  unload(): Promise<void> {
    return (this.unloading ??= this.endWorker());
  }

  private async endWorker(): Promise<void> {
    if (this.closed) return;
    const freed = this.ask({ kind: 'unload' });
    const reason = (this.closed = new TabseekError('bad_request', 'the model is unloaded'));
    await freed.catch(() => {});
    this.close(reason);
  }
}

/** What a caller's verifier says of an answer. */
export async function judged(verifier: VerifierFunction | undefined, content: string): Promise<boolean> {
  let accepted: unknown;
  try {
    accepted = await verifier?.(content);
  } catch (e) {
    throw refuse(VERIFIER, `threw: ${e instanceof Error ? e.message : String(e)}`);
  }
  if (typeof accepted !== 'boolean') throw refuse(VERIFIER, `gave ${show(accepted)}, must give true or false`);
  return accepted;
}

async function* steps(queue: Queue, cancel: () => void): AsyncGenerator<Step, void> {
  try {
    for (;;) {
      const m = await queue.next();
      if (!isStep(m)) continue;
      yield m;
      if (m.kind === 'done') return;
    }
  } finally {
    cancel(); // does nothing to a request that has ended
  }
}

const STEPS: Record<Step['kind'], true> = { prefill: true, delta: true, lane: true, tally: true, again: true, done: true };
const isStep = (m: FromWorker): m is Step => m.kind in STEPS;

/** Messages that wait for somebody to take them. */
class Queue {
  private readonly messages: FromWorker[] = [];
  private wake = () => {};

  push(m: FromWorker): void {
    this.messages.push(m);
    this.wake();
  }

  /** The next message; throws if that is an error. */
  async next(): Promise<FromWorker> {
    while (this.messages.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    const m = this.messages.shift()!;
    if (m.kind === 'error') throw fromShape(m.error);
    return m;
  }
}

/** A script's URL as the page's Trusted Types policy wants it. */
const scriptURL: (url: string) => string = (() => {
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } } }).trustedTypes;
  const policy = types?.createPolicy('tabseek', { createScriptURL: (url: string) => url });
  return (url) => policy?.createScriptURL(url) ?? url;
})();
