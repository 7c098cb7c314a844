// The dedicated worker: it owns the guest, the GPU and the weights, and speaks the messages of shared/messages.ts.

import { engineError, errorShape, fromShape, stepOf, TabseekError, type FromWorker, type LogitsRows, type ToWorker } from '../shared/messages';
import type { EngineEvent, EngineOptions, ModelInfo, RequestType, Stats, Usage } from '../shared/messages.gen';
import { Message, Version } from './abi.gen';
import { encodeResult, type Frame, type SubmitCommand, type UploadCommand } from './abi';
import { Gpu } from './gpu';
import { Guest } from './guest';
import { Model } from './model';
import { forgetProfile, profileKey, rememberedProfile, rememberProfile } from './profiles';
import { Speedometer } from './speed';
import { bringShards } from './weights';
import type { OnBytes } from './network';
import { withRoom } from '../storage/quota';

/** What the guest is called in this build (web/build). */
declare const ENGINE_URL: string;

/** Bytes handed to the GPU's queue in one go: larger writes are slower. */
const WRITE_PIECE = 2 << 20;

/** How often progress is told, in milliseconds; a speed that falls to nothing is told as well. */
const REPORT_MS = 100;

/** A lost device fails whatever is asked of it before it is said to be lost; so long the cause is waited for. */
const LOSS_MS = 2000;

/** A request under way. */
interface Pending {
  start: number;
  /** When its decoding began; 0 before that. */
  decoding: number;
  /** What a request of logits gathers. */
  logits?: LogitsRows;
}

const NO_USAGE: Usage = { prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 };

const post = (m: FromWorker, transfer: Transferable[] = []): void => self.postMessage(m, { transfer });
const encoder = new TextEncoder();

class Host {
  private gpu: Gpu | undefined;
  private guest: Guest | undefined;
  private info: ModelInfo | undefined;
  private last: Stats | undefined;
  private loadSeconds = 0;
  private profileKey = '';
  private onReady = () => {};
  private readonly loading = new AbortController();
  /** What no request can outlive: the first such thing, which explains those that follow from it. */
  private failed: TabseekError | undefined;
  /** Resolves when everybody has been told of it. */
  private told: Promise<void> | undefined;
  private tellAll = () => {};
  private readonly pending = new Map<number, Pending>();
  /** What the guest wants done and is not done yet, in order. */
  private readonly todo: Frame[] = [];
  private creating = false;

  async handle(m: ToWorker): Promise<void> {
    switch (m.kind) {
      case 'load':
        return this.load(m);
      case 'request':
        return this.request(m.id, m.type, m.json);
      case 'stats':
        if (this.failed) throw this.failed;
        return post({ kind: 'reply', id: m.id, stats: this.last });
      case 'unload':
        return this.unload(m.id);
    }
  }

  private async load({ id, modelURL, json: options, sha256, engineURL }: ToWorker & { kind: 'load' }): Promise<void> {
    const start = performance.now();
    const { signal } = this.loading;
    const url = new URL(modelURL, self.location.origin).href;
    post({ kind: 'progress', id, progress: { phase: 'manifest', loaded: 0, total: 0, bytesPerSecond: 0 } });
    const opening = Promise.all([Guest.open(new URL(engineURL ?? ENGINE_URL, import.meta.url)), Model.open(url, sha256, signal)]);
    opening.catch(() => {}); // the GPU's error comes first
    this.gpu = await Gpu.open((e) => this.fail(e));
    const [guest, model] = await opening;
    this.guest = guest;
    const tokenizer = await model.tokenizer(signal);
    this.tell(Message.Manifest, model.manifest);
    this.tell(Message.Tokenizer, tokenizer);
    post({ kind: 'progress', id, progress: { phase: 'compile', loaded: 0, total: 0, bytesPerSecond: 0 } });
    this.profileKey = profileKey(this.gpu.name, guest.build, model.sha256);
    const frames = this.open(options, await rememberedProfile(this.profileKey));
    const ready = new Promise<void>((resolve, reject) => {
      this.onReady = resolve;
      signal.addEventListener('abort', () => reject(this.failed ?? new TabseekError('aborted', 'loading was stopped')), { once: true });
    });
    const uploads = frames.filter((f): f is UploadCommand => f.op === 'upload');
    await model.keep(uploads).catch(() => {}); // where nothing can be kept
    await this.gpu.create(frames);
    await Promise.race([ready, this.uploadWeights(id, model, uploads, signal)]);
    await ready;
    this.loadSeconds = (performance.now() - start) / 1000;
    this.last = this.stats(NO_USAGE, undefined); // the device and the load, before any request
    post({ kind: 'reply', id, info: this.info });
    if (!sha256) void model.checkAge(signal).catch(() => {});
  }

  /** Opens the model, with the profile that won here before, if the caller asks for none and the engine still knows it. */
  private open(options: string, profile: string | undefined): Frame[] {
    const asked = JSON.parse(options) as EngineOptions;
    const opening = (o: EngineOptions): Frame[] => this.tell(Message.Open, JSON.stringify({ version: Version, device: this.gpu!.info(), options: o }));
    const refused = (frames: Frame[]) => frames.flatMap((f) => (f.op === 'event' && (f.event as EngineEvent).type === 'error' ? [f.event as EngineEvent] : []))[0];
    let frames = opening(asked.profile || !profile ? asked : { ...asked, profile });
    if (refused(frames)?.param === 'profile' && !asked.profile) {
      void forgetProfile(this.profileKey);
      frames = opening(asked);
    }
    const error = refused(frames);
    if (error) throw engineError(error);
    return frames;
  }

  private async uploadWeights(id: number, model: Model, uploads: UploadCommand[], signal: AbortSignal): Promise<void> {
    const total = uploads.reduce((sum, u) => sum + u.size, 0);
    const speed = new Speedometer();
    let loaded = 0;
    let fetching = false;
    const report = () =>
      post({ kind: 'progress', id, progress: { phase: fetching ? 'download' : 'weights', loaded, total, bytesPerSecond: speed.bytesPerSecond(performance.now()) } });
    const count: OnBytes = (n, from) => {
      fetching ||= from === 'network';
      loaded += n;
      speed.add(n, performance.now());
    };
    const reporting = setInterval(report, REPORT_MS);
    try {
      await bringShards(model.source, uploads, signal, count, (u, data) => this.upload(u, data));
    } catch (e) {
      throw await withRoom(e, total - loaded, model.url);
    } finally {
      clearInterval(reporting);
    }
    report();
    post({ kind: 'progress', id, progress: { phase: 'compile', loaded, total, bytesPerSecond: 0 } }); // what remains is the kernels
  }

  private async upload(u: UploadCommand, data: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < data.length; at += WRITE_PIECE) {
      this.gpu!.write(u.buffer, u.offset + at, data.subarray(at, at + WRITE_PIECE));
    }
    await this.gpu!.idle(); // the queue's copies are gone before the next shard's begin
    const shard = new Uint8Array(4);
    new DataView(shard.buffer).setUint32(0, u.shard, true);
    this.carryOut(this.tell(Message.Uploaded, shard));
  }

  private request(id: number, type: RequestType, json: string): void {
    if (this.failed) throw this.failed;
    if (!this.guest || !this.info) throw new TabseekError('bad_request', 'no model is loaded');
    if (type === 'cancel') return this.carryOut(this.tell(Message.Request, json));
    this.pending.set(id, { start: performance.now(), decoding: 0, ...(type === 'logits' && { logits: { rows: [], drafts: [] } }) });
    const frames = this.tell(Message.Request, json);
    const refused = frames.some((f) => f.op === 'event' && (f.event as EngineEvent).type === 'error' && (f.event as EngineEvent).id === id);
    if (!refused) post({ kind: 'accepted', id });
    this.carryOut(frames);
  }

  /** Ends what is under way as if it were cancelled. */
  private unload(id: number): void {
    this.loading.abort();
    for (const target of this.pending.keys()) {
      if (!this.failed) this.todo.push(...this.tell(Message.Request, `{"type":"cancel","id":${target}}`));
    }
    for (const f of this.todo) if (f.op === 'event') this.event(f.event as EngineEvent); // the GPU has no more to do
    this.gpu?.close();
    this.gpu = this.guest = this.info = undefined;
    post({ kind: 'reply', id });
  }

  /** Tells the guest something and returns what it wants done. A guest that dies of it answers nothing any more. */
  private tell(kind: number, data: Uint8Array | string): Frame[] {
    try {
      return this.guest!.send(kind, typeof data === 'string' ? encoder.encode(data) : data);
    } catch (e) {
      this.fail(e);
      throw this.failed!;
    }
  }

  /**
   * Does what the guest asked for, in order; what comes while the GPU compiles waits for it. Half of it done is worse
   * than nothing.
   */
  private carryOut(frames: Frame[]): void {
    this.todo.push(...frames);
    try {
      while (!this.creating && this.todo.length > 0) {
        const n = this.todo.findIndex((f) => !creates(f));
        const first = n < 0 ? this.todo.splice(0) : this.todo.splice(0, n);
        if (first.length > 0) this.create(first);
        else this.execute(this.todo.shift()!);
      }
    } catch (e) {
      this.fail(e);
      throw this.failed!;
    }
  }

  private create(frames: Frame[]): void {
    this.creating = true;
    this.gpu!.create(frames).then(() => {
      this.creating = false;
      if (!this.failed) this.carryOut([]);
    }).catch((e: unknown) => this.fail(e));
  }

  private execute(f: Frame): void {
    switch (f.op) {
      case 'write':
        return this.gpu!.write(f.buffer, f.offset, f.data);
      case 'submit':
        return this.submit(f);
      case 'event':
        return this.event(f.event as EngineEvent);
      case 'logits':
        return this.keepRow(f);
      case 'reset':
        return; // the device goes as a whole
    }
    throw new TabseekError('internal', `command ${f.op} while running`);
  }

  private keepRow(f: Frame & { op: 'logits' }): void {
    const logits = this.pending.get(f.request)?.logits;
    if (logits) (f.draft ? logits.drafts : logits.rows)[f.row] = f.values;
  }

  private submit(f: SubmitCommand): void {
    this.gpu!.submit(f).then((result) => {
      if (this.guest && !this.failed) this.carryOut(this.tell(Message.Result, encodeResult(result)));
    }).catch((e: unknown) => this.fail(e));
  }

  private event(e: EngineEvent): void {
    const pending = this.pending.get(e.id);
    switch (e.type) {
      case 'tuned':
        void rememberProfile(this.profileKey, e.profile ?? '');
        return;
      case 'ready':
        this.info = e.model;
        return this.onReady();
      case 'prefill':
      case 'delta':
        return post(stepOf(e)!);
      case 'decoding':
        if (pending) pending.decoding = performance.now();
        this.gpu!.takeCounts();
        this.guest!.takeCounts();
        return;
      case 'done':
        return this.done(e, pending);
      case 'error':
        if (e.id === 0) return this.fail(engineError(e));
        this.pending.delete(e.id);
        return post({ kind: 'error', id: e.id, error: errorShape(engineError(e)) });
    }
  }

  private done(e: EngineEvent, pending: Pending | undefined): void {
    this.pending.delete(e.id);
    const logits = pending?.logits;
    if (logits && e.finish_reason === 'abort') {
      return post({ kind: 'error', id: e.id, error: errorShape(new TabseekError('aborted', 'the logits were stopped')) });
    }
    if (logits) {
      return post({ kind: 'reply', id: e.id, logits }, [...logits.rows, ...logits.drafts].map((r) => r.buffer as ArrayBuffer));
    }
    const usage = e.usage ?? NO_USAGE;
    this.last = this.stats(usage, pending);
    post({ kind: 'done', id: e.id, finish_reason: e.finish_reason ?? 'abort', usage, stats: this.last });
  }

  private stats(usage: Usage, pending: Pending | undefined): Stats {
    const now = performance.now();
    const gpu = this.gpu!.takeCounts();
    const guest = this.guest!.takeCounts();
    const decoding = pending?.decoding || now;
    return {
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      prefill_seconds: (decoding - (pending?.start ?? now)) / 1000,
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

  /** Something that no request can outlive: every one under way gets the error, and so does what comes later. */
  private fail(e: unknown): void {
    const error = fromShape(errorShape(e));
    const lost = error.code === 'device_lost';
    if (!this.failed || lost) this.failed = error;
    this.told ??= new Promise<void>((resolve) => (this.tellAll = resolve)).then(() => {
      for (const id of this.pending.keys()) post({ kind: 'error', id, error: errorShape(this.failed) });
      this.pending.clear();
      this.loading.abort();
    });
    setTimeout(this.tellAll, lost ? 0 : LOSS_MS);
  }

  /** Answers a message that failed: with what no request can outlive, if there is that. */
  async answerError(id: number, e: unknown): Promise<void> {
    await this.told;
    post({ kind: 'error', id, error: errorShape(this.failed ?? e) });
  }
}

const creates = (f: Frame): boolean => f.op === 'buffer' || f.op === 'pipeline' || f.op === 'recording';

const host = new Host();
self.addEventListener('message', (m: MessageEvent<ToWorker>) => {
  host.handle(m.data).catch((e: unknown) => host.answerError(m.data.id, e));
});

// Held for as long as this worker lives: how the main thread hears of its end.
void navigator.locks?.request(self.name, () => {
  post({ kind: 'alive', id: 0 });
  return new Promise(() => {});
});
