// The dedicated worker: it owns the guest, the GPU and the weights, and speaks the messages of shared/messages.ts.

import { errorShape, fromShape, TabseekError, type FromWorker, type LoadOptions, type ModelInfo, type Stats, type ToWorker } from '../shared/messages';
import { Message } from './abi.gen';
import type { Frame, SubmitCommand, UploadCommand } from './abi';
import { Gpu } from './gpu';
import { Guest } from './guest';
import { fetchFile, fetchShards, hex } from './weights';

/** Bytes handed to the GPU's queue in one go: larger writes are slower (facts of Chromium's staging). */
const WRITE_PIECE = 2 << 20;

/** An event of the engine (engine.Event in Go). */
interface EngineEvent {
  type: 'ready' | 'prefill' | 'decoding' | 'delta' | 'done' | 'error';
  id: number;
  model?: ModelInfo;
  done?: number;
  total?: number;
  content?: string;
  reasoning?: string;
  tokens?: number[];
  finish_reason?: 'stop' | 'length' | 'abort';
  usage?: { prompt_tokens: number; cached_tokens: number; completion_tokens: number };
  code?: string;
  message?: string;
}

/** When a request began and when its decoding did. */
interface Timing {
  start: number;
  decoding: number;
}

const post = (m: FromWorker, transfer: Transferable[] = []): void => self.postMessage(m, { transfer });
const encoder = new TextEncoder();

class Host {
  private gpu: Gpu | undefined;
  private guest: Guest | undefined;
  private info: ModelInfo | undefined;
  private last: Stats | undefined;
  private loadSeconds = 0;
  private loading: AbortController | undefined;
  private failed: TabseekError | undefined;
  private readonly timings = new Map<number, Timing>();
  private readonly logits = new Map<number, { rows: Float32Array[]; drafts: Float32Array[] }>();

  async handle(m: ToWorker): Promise<void> {
    switch (m.kind) {
      case 'load':
        return this.load(m.id, m.modelURL, m.options).catch((e: unknown) => {
          throw this.failed ?? e; // losing the GPU also aborts the download, which is not what went wrong
        });
      case 'chat':
        return this.request(m.id, { type: 'chat', id: m.id, messages: m.messages, params: m.params });
      case 'generate':
        return this.request(m.id, { type: 'generate', id: m.id, tokens: m.tokens, params: m.params });
      case 'logits':
        this.logits.set(m.id, { rows: [], drafts: [] });
        return this.request(m.id, { type: 'logits', id: m.id, tokens: m.tokens, mode: m.mode, draft: m.draft });
      case 'cancel':
        this.loading?.abort();
        if (this.guest && this.info) this.carryOut(this.guest.send(Message.Request, json({ type: 'cancel', id: m.target })));
        return;
      case 'stats':
        return post({ kind: 'reply', id: m.id, stats: this.last });
      case 'unload':
        this.loading?.abort();
        this.gpu?.close();
        this.gpu = this.guest = this.info = undefined;
        return post({ kind: 'reply', id: m.id });
    }
  }

  private async load(id: number, modelURL: string, options: LoadOptions): Promise<void> {
    const start = performance.now();
    const abort = (this.loading = new AbortController());
    const base = new URL(modelURL, self.location.origin).href.replace(/\/+$/, '');
    post({ kind: 'progress', id, progress: { phase: 'manifest', loaded: 0, total: 0, bytesPerSecond: 0 } });
    this.gpu = await Gpu.open((e) => this.fail(e));
    const [guest, manifest] = await Promise.all([Guest.open(new URL('./engine.wasm', import.meta.url)), fetchFile(base, 'model.json', abort.signal)]);
    this.guest = guest;
    const tokenizer = await this.fetchTokenizer(base, manifest, abort.signal);
    guest.send(Message.Manifest, manifest);
    guest.send(Message.Tokenizer, tokenizer);
    post({ kind: 'progress', id, progress: { phase: 'compile', loaded: 0, total: 0, bytesPerSecond: 0 } });
    const frames = guest.send(Message.Open, json({ device: this.gpu.info(), options }));
    for (const f of frames) {
      const event = f.op === 'event' ? (f.event as EngineEvent) : undefined;
      if (event?.type === 'error') throw engineError(event);
    }
    await this.gpu.create(frames);
    await this.uploadWeights(id, base, frames.filter((f): f is UploadCommand => f.op === 'upload'), abort.signal);
    if (!this.info) throw new TabseekError('internal', 'the engine did not become ready');
    this.loadSeconds = (performance.now() - start) / 1000;
    this.loading = undefined;
    this.last = this.stats({ prompt_tokens: 0, completion_tokens: 0 }, undefined); // the device and the load, before any request
    post({ kind: 'reply', id, info: this.info });
  }

  private async fetchTokenizer(base: string, manifest: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    let spec: { file: string; sha256: string };
    try {
      spec = JSON.parse(new TextDecoder().decode(manifest)).tokenizer;
    } catch {
      throw new TabseekError('bad_model', 'model.json is not JSON');
    }
    if (typeof spec?.file !== 'string') throw new TabseekError('bad_model', 'model.json names no tokenizer');
    const data = await fetchFile(base, spec.file, signal);
    const actual = hex(await crypto.subtle.digest('SHA-256', data));
    if (actual !== spec.sha256) {
      throw new TabseekError('bad_hash', `${spec.file} is damaged: its SHA-256 is ${actual}`, { file: spec.file, expected: spec.sha256, actual });
    }
    return data;
  }

  private async uploadWeights(id: number, base: string, uploads: UploadCommand[], signal: AbortSignal): Promise<void> {
    const total = uploads.reduce((sum, u) => sum + u.size, 0);
    const start = performance.now();
    let loaded = 0;
    let posted = 0;
    const report = (force: boolean) => {
      const now = performance.now();
      if (!force && now - posted < 100) return;
      posted = now;
      post({ kind: 'progress', id, progress: { phase: 'weights', loaded, total, bytesPerSecond: loaded / Math.max((now - start) / 1000, 1e-3) } });
    };
    const count = (n: number) => {
      loaded += n;
      report(false);
    };
    await fetchShards(base, uploads, signal, count, async (u, data) => {
      for (let at = 0; at < data.length; at += WRITE_PIECE) {
        this.gpu!.write(u.buffer, u.offset + at, data.subarray(at, at + WRITE_PIECE));
      }
      await this.gpu!.idle(); // the queue's copies are gone before the next shard's begin
      const shard = new Uint8Array(4);
      new DataView(shard.buffer).setUint32(0, u.shard, true);
      this.carryOut(this.guest!.send(Message.Uploaded, shard));
    });
    report(true);
  }

  private request(id: number, request: object): void {
    if (this.failed) throw this.failed;
    if (!this.guest || !this.info) throw new TabseekError('bad_request', 'no model is loaded');
    this.timings.set(id, { start: performance.now(), decoding: 0 });
    this.carryOut(this.guest.send(Message.Request, json(request)));
  }

  /** Does what the guest asked for, in order. */
  private carryOut(frames: Frame[]): void {
    for (const f of frames) {
      switch (f.op) {
        case 'write':
          this.gpu!.write(f.buffer, f.offset, f.data);
          break;
        case 'submit':
          this.submit(f);
          break;
        case 'event':
          this.event(f.event as EngineEvent);
          break;
        case 'logits':
          this.keepRow(f);
          break;
        case 'reset':
          break; // the device goes as a whole
        default:
          throw new TabseekError('internal', `command ${f.op} while running`);
      }
    }
  }

  private keepRow(f: Frame & { op: 'logits' }): void {
    const logits = this.logits.get(f.request);
    if (logits) (f.draft ? logits.drafts : logits.rows)[f.row] = f.values;
  }

  private submit(f: SubmitCommand): void {
    for (const result of this.gpu!.submit(f)) {
      result.then(
        (r) => {
          const message = new Uint8Array(4 + r.data.byteLength);
          new DataView(message.buffer).setUint32(0, r.ticket, true);
          message.set(new Uint8Array(r.data), 4);
          if (this.guest) this.carryOut(this.guest.send(Message.Result, message));
        },
      ).catch((e: unknown) => this.fail(e));
    }
  }

  private event(e: EngineEvent): void {
    const timing = this.timings.get(e.id);
    switch (e.type) {
      case 'ready':
        this.info = e.model;
        return;
      case 'prefill':
        return post({ kind: 'prefill', id: e.id, done: e.done ?? 0, total: e.total ?? 0 });
      case 'decoding':
        if (timing) timing.decoding = performance.now();
        this.gpu!.takeCounts();
        this.guest!.takeCounts();
        return;
      case 'delta':
        return post({ kind: 'delta', id: e.id, content: e.content ?? '', reasoning: e.reasoning ?? '', tokens: e.tokens ?? [] });
      case 'done':
        return this.done(e, timing);
      case 'error':
        this.timings.delete(e.id);
        this.logits.delete(e.id);
        return post({ kind: 'error', id: e.id, error: errorShape(engineError(e)) });
    }
  }

  private done(e: EngineEvent, timing: Timing | undefined): void {
    this.timings.delete(e.id);
    const rows = this.logits.get(e.id);
    if (rows && e.finish_reason === 'stop') {
      this.logits.delete(e.id);
      return post({ kind: 'reply', id: e.id, logits: rows }, [...rows.rows, ...rows.drafts].map((r) => r.buffer as ArrayBuffer));
    }
    const usage = e.usage ?? { prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0 };
    this.last = this.stats(usage, timing);
    post({ kind: 'done', id: e.id, finish_reason: e.finish_reason ?? 'abort', usage, stats: this.last });
  }

  private stats(usage: { prompt_tokens: number; completion_tokens: number }, timing: Timing | undefined): Stats {
    const now = performance.now();
    const gpu = this.gpu!.takeCounts();
    const guest = this.guest!.takeCounts();
    const decoding = timing?.decoding || now;
    return {
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      prefill_seconds: (decoding - (timing?.start ?? now)) / 1000,
      decode_seconds: (now - decoding) / 1000,
      load_seconds: this.loadSeconds,
      ...gpu,
      guest_calls: guest.calls,
      guest_seconds: guest.seconds,
      weight_bytes: this.info!.weight_bytes,
      kv_bytes_per_token: this.info!.kv_bytes_per_token,
      guest_heap_bytes: this.guest!.heapBytes,
      device: this.gpu!.name,
      profile: this.info!.profile,
    };
  }

  /** Something that no request can outlive: every one under way gets the error. */
  private fail(e: unknown): void {
    this.failed = fromShape(errorShape(e));
    for (const id of this.timings.keys()) post({ kind: 'error', id, error: errorShape(e) });
    this.timings.clear();
    this.loading?.abort();
  }
}

const engineError = (e: EngineEvent): TabseekError => new TabseekError((e.code ?? 'internal') as TabseekError['code'], e.message ?? 'the engine failed');

const json = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));

const host = new Host();
self.addEventListener('message', (m: MessageEvent<ToWorker>) => {
  host.handle(m.data).catch((e: unknown) => post({ kind: 'error', id: m.data.id, error: errorShape(e) }));
});
