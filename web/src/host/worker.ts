// The dedicated worker: it owns the guest, the GPU and the weights, and speaks the messages of shared/messages.ts.

import { engineError, errorShape, fromShape, stepOf, TabseekError, type FromWorker, type Recovery, type ToWorker } from '../shared/messages';
import type { EngineEvent, EngineOptions, ModelInfo, RequestType, Stats, Usage } from '../shared/messages.gen';
import { withRoom } from '../storage/quota';
import { Message } from './abi.gen';
import type { Frame, UploadCommand } from './abi';
import { examine } from './examine';
import { Gpu } from './gpu';
import { Guest } from './guest';
import { Model } from './model';
import type { OnBytes } from './network';
import { Pending } from './pending';
import { forgetProfile, profileKey, rememberedProfile, rememberProfile } from './profiles';
import { openModel, refusal, Session, type Listener } from './session';
import { Speedometer } from './speed';
import { bringShards } from './weights';

/** What the guest is called in this build (web/build). */
declare const ENGINE_URL: string;

/** How often progress is told, in milliseconds; a speed that falls to nothing is told as well. */
const REPORT_MS = 100;

/** A lost device fails whatever is asked of it before it is said to be lost; so long the cause is waited for. */
const LOSS_MS = 2000;

/** A lost device is replaced. Browsers give none for two minutes after a second crash, so it is asked for this often, so far apart. */
const DEVICE_TRIES = 36;
const DEVICE_MS = 5000;

/** So many devices may be lost without an answer in between: more of them would be lost, too. */
const MOST_LOSSES = 2;

const NO_USAGE: Usage = { prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 };

const post = (m: FromWorker, transfer: Transferable[] = []): void => self.postMessage(m, { transfer });

/** What a model is opened from, again and again if need be. */
interface Opening {
  id: number;
  model: Model;
  tokenizer: Uint8Array<ArrayBuffer>;
  options: EngineOptions;
}

class Host implements Listener {
  private session: Session | undefined;
  private opening: Opening | undefined;
  private info: ModelInfo | undefined;
  private last: Stats | undefined;
  private loadSeconds = 0;
  private profileKey = '';
  private onReady = () => {};
  /** Ends what brings a model to a device. */
  private loading = new AbortController();
  /** What no request can outlive: the first such thing, which explains those that follow from it. */
  private failed: TabseekError | undefined;
  /** Resolves when everybody has been told of it, or when it has been got over. */
  private told: Promise<void> | undefined;
  private tellAll = () => {};
  private recovering: Promise<void> | undefined;
  private losses = 0;
  private readonly pending = new Map<number, Pending>();

  async handle(m: ToWorker): Promise<void> {
    switch (m.kind) {
      case 'load':
        return this.load(m);
      case 'request':
        return this.request(m.id, m.type, m.json);
      case 'stats':
        if (this.failed) throw this.failed;
        return post({ kind: 'reply', id: m.id, stats: this.last });
      case 'examine':
        return post({ kind: 'reply', id: m.id, device: await examine() });
      case 'lose':
        return this.session?.gpu.lose();
      case 'unload':
        return this.unload(m.id);
    }
  }

  private async load({ id, modelURL, json, sha256, engineURL, files }: ToWorker & { kind: 'load' }): Promise<void> {
    const start = performance.now();
    const { signal } = this.loading;
    const url = new URL(modelURL, self.location.origin).href;
    post({ kind: 'progress', id, progress: { phase: 'manifest', loaded: 0, total: 0, bytesPerSecond: 0 } });
    const coming = Promise.all([Guest.open(new URL(engineURL ?? ENGINE_URL, import.meta.url)), Model.open(url, sha256, signal, files)]);
    coming.catch(() => {}); // the GPU's error comes first
    const gpu = await Gpu.open((e) => this.fail(e));
    const [guest, model] = await coming;
    this.session = new Session(gpu, guest, this);
    this.opening = { id, model, tokenizer: await model.tokenizer(signal), options: JSON.parse(json) as EngineOptions };
    await this.open(this.session, this.opening, signal);
    this.loadSeconds = (performance.now() - start) / 1000;
    this.last = this.stats(NO_USAGE, undefined); // the device and the load, before any request
    post({ kind: 'reply', id, info: this.info });
    if (!sha256) void model.checkAge(signal).catch(() => {});
  }

  /** Brings the model to the session's device. */
  private async open(session: Session, { id, model, tokenizer, options }: Opening, signal: AbortSignal): Promise<void> {
    session.tell(Message.Manifest, model.manifest);
    session.tell(Message.Tokenizer, tokenizer);
    post({ kind: 'progress', id, progress: { phase: 'compile', loaded: 0, total: 0, bytesPerSecond: 0 } });
    this.profileKey = profileKey(session.gpu.name, session.guest.build, model.sha256);
    const frames = openModel(session, options, await rememberedProfile(this.profileKey), () => void forgetProfile(this.profileKey));
    const ready = new Promise<void>((resolve, reject) => {
      this.onReady = resolve;
      signal.addEventListener('abort', () => reject(this.failed ?? new TabseekError('aborted', 'loading was stopped')), { once: true });
    });
    ready.catch(() => {});
    const uploads = frames.filter((f): f is UploadCommand => f.op === 'upload');
    await model.keep(uploads).catch(() => {}); // where nothing can be kept
    await session.gpu.create(frames);
    await Promise.race([ready, this.uploadWeights(session, id, model, uploads, signal)]);
    await ready;
  }

  private async uploadWeights(session: Session, id: number, model: Model, uploads: UploadCommand[], signal: AbortSignal): Promise<void> {
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
      await bringShards(model.source, uploads, signal, count, (u, data) => session.upload(u, data));
    } catch (e) {
      throw await withRoom(e, total - loaded, model.url);
    } finally {
      clearInterval(reporting);
    }
    report();
    post({ kind: 'progress', id, progress: { phase: 'compile', loaded, total, bytesPerSecond: 0 } }); // what remains is the kernels
  }

  private async request(id: number, type: RequestType, json: string): Promise<void> {
    if (type === 'cancel') return this.cancel(id, json);
    if (type === 'answer_now' || type === 'think_longer' || type === 'verdict') return this.steer(json);
    if (this.recovering) {
      this.pending.set(id, new Pending(type, json));
      await this.recovering;
      if (!this.pending.delete(id)) return; // cancelled meanwhile
    }
    if (this.failed) throw this.failed;
    if (!this.session || !this.info) throw new TabseekError('bad_request', 'no model is loaded');
    this.pending.set(id, new Pending(type, json));
    const frames = this.session.tell(Message.Request, json);
    if (!refusal(frames, id)) post({ kind: 'accepted', id });
    this.session.carryOut(frames);
  }

  private cancel(id: number, json: string): void {
    if (this.failed) throw this.failed;
    if (this.recovering) this.end(id);
    else this.session?.carryOut(this.session.tell(Message.Request, json));
  }

  /** Tells the engine what somebody wants of a request under way. While there is no engine, it goes on without. */
  private steer(json: string): void {
    if (!this.failed && !this.recovering) this.session?.carryOut(this.session.tell(Message.Request, json));
  }

  /** Ends a request that no guest knows as if it had been cancelled. */
  private end(id: number): void {
    if (this.pending.has(id)) this.event({ type: 'done', id, finish_reason: 'abort' });
  }

  /** Ends what is under way as if it were cancelled. */
  private unload(id: number): void {
    this.opening = undefined;
    this.loading.abort();
    for (const target of [...this.pending.keys()]) {
      if (this.recovering) this.end(target);
      else if (!this.failed) this.session?.flushEvents(this.session.tell(Message.Request, `{"type":"cancel","id":${target}}`));
    }
    this.session?.close();
    this.session = this.info = undefined;
    post({ kind: 'reply', id });
  }

  logits(f: Frame & { op: 'logits' }): void {
    const logits = this.pending.get(f.request)?.logits;
    if (logits) (f.draft ? logits.drafts : logits.rows)[f.row] = f.values;
  }

  event(e: EngineEvent): void {
    const pending = this.pending.get(e.id);
    switch (e.type) {
      case 'tuned':
        void rememberProfile(this.profileKey, e.profile ?? '');
        return;
      case 'ready':
        this.info = e.model;
        return this.onReady();
      case 'prefill':
        if (!pending?.goesOn) post(stepOf(e)!);
        return;
      case 'delta':
        pending?.add(e);
        return post(stepOf(e)!);
      case 'lane':
        if (pending) pending.hasLanes = true;
        return post(stepOf(e)!);
      case 'tally':
      case 'verify':
        return post(stepOf(e)!);
      case 'measured':
        return post({ kind: 'measured', id: e.id, measured: e.measured! });
      case 'experts':
        if (pending) pending.experts = e.experts;
        return;
      case 'decoding':
        if (pending) pending.decoding ||= performance.now();
        this.session!.gpu.takeCounts();
        this.session!.guest.takeCounts();
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
    if (pending?.type === 'experts') {
      if (!pending.experts) return post({ kind: 'error', id: e.id, error: errorShape(new TabseekError('aborted', 'the report was stopped')) });
      return post({ kind: 'reply', id: e.id, experts: pending.experts }); // no answer of which there are stats
    }
    this.losses = 0;
    const logits = pending?.logits;
    if (logits && e.finish_reason === 'abort') {
      return post({ kind: 'error', id: e.id, error: errorShape(new TabseekError('aborted', 'the logits were stopped')) });
    }
    if (logits) {
      return post({ kind: 'reply', id: e.id, logits }, [...logits.rows, ...logits.drafts].map((r) => r.buffer as ArrayBuffer));
    }
    const usage = pending?.usage(e.usage ?? NO_USAGE) ?? NO_USAGE;
    if (this.session) this.last = this.stats(usage, pending);
    post({ kind: 'done', id: e.id, finish_reason: e.finish_reason ?? 'abort', usage, stats: this.last!, tabseek: e.tabseek });
  }

  private stats(usage: Usage, pending: Pending | undefined): Stats {
    const now = performance.now();
    const { gpu, guest } = this.session!;
    const { calls, seconds } = guest.takeCounts();
    const decoding = pending?.decoding || now;
    return {
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      prefill_seconds: (decoding - (pending?.start ?? now)) / 1000,
      decode_seconds: (now - decoding) / 1000,
      load_seconds: this.loadSeconds,
      ...gpu.takeCounts(),
      guest_calls: calls,
      guest_seconds: seconds,
      weight_bytes: this.info!.weight_bytes,
      kv_bytes_per_token: this.info!.kv_bytes_per_token,
      guest_heap_bytes: guest.heapBytes,
      device: gpu.name,
      profile: this.info!.profile,
      ...(usage.drafts && {
        drafted: usage.drafts.drafted,
        accepted: usage.drafts.accepted,
        accepted_by_position: usage.drafts.by_position,
        tokens_per_pass: 1 + usage.drafts.accepted / Math.max(usage.drafts.passes, 1),
        draft_depth: usage.drafts.depth,
        ...(usage.drafts.warning && { warning: usage.drafts.warning }),
      }),
    };
  }

  /**
   * Something that no request can outlive: every one under way gets the error, and so does what comes later. A lost device
   * is replaced instead, if the model has been there before.
   */
  fail(e: unknown): void {
    const error = fromShape(errorShape(e));
    const lost = error.code === 'device_lost';
    if (this.recovering) return this.loading.abort(error); // that attempt is in vain
    if (lost && this.info && this.opening && this.losses < MOST_LOSSES) return this.recover(error);
    if (!this.failed || lost) this.failed = error;
    this.told ??= new Promise<void>((resolve) => (this.tellAll = resolve)).then(() => {
      if (!this.failed) return;
      for (const id of this.pending.keys()) post({ kind: 'error', id, error: errorShape(this.failed) });
      this.pending.clear();
      this.loading.abort();
    });
    setTimeout(this.tellAll, lost ? 0 : LOSS_MS);
  }

  /** Brings the model to another device, and goes on there with what was under way. */
  private recover(loss: TabseekError): void {
    this.losses++;
    const interrupted = [...this.pending];
    const guest = this.session!.guest;
    this.session!.close();
    this.session = undefined;
    tellOf('lost', loss.message);
    this.recovering = this.replace(guest, this.opening!).then(
      () => {
        this.recovering = undefined;
        tellOf('restored', 'the model is on the GPU again');
        for (const [id, pending] of interrupted) if (this.pending.get(id) === pending) this.goOn(id, pending);
      },
      () => {
        this.recovering = undefined;
        this.losses = MOST_LOSSES;
        if (this.opening) this.fail(new TabseekError('device_lost', `${loss.message}; and the browser gave no other GPU for three minutes`));
      },
    );
    const got = this.tellAll; // what failed because of the loss is got over
    this.failed = this.told = undefined;
    got();
  }

  /** Asks for a device until there is one that the model comes to. */
  private async replace(guest: Guest, opening: Opening): Promise<void> {
    for (let attempt = 1; this.opening; attempt++) {
      this.loading = new AbortController();
      try {
        const gpu = await Gpu.open((e) => this.fail(e));
        const session = new Session(gpu, await guest.again(), this);
        this.session = session;
        await this.open(session, opening, this.loading.signal);
        return;
      } catch (e) {
        this.session?.close();
        this.session = undefined;
        if (attempt >= DEVICE_TRIES) throw e;
        if (attempt === 1) tellOf('waiting', 'the browser gives no GPU now, as some do for two minutes when it has crashed twice; it is asked again for three minutes');
        await new Promise((resolve) => setTimeout(resolve, DEVICE_MS));
      }
    }
    throw new TabseekError('aborted', 'the model was unloaded');
  }

  private goOn(id: number, pending: Pending): void {
    if (pending.hasLanes) post({ kind: 'again', id });
    this.session!.carryOut(this.session!.tell(Message.Request, pending.rest()));
  }

  /** Answers a message that failed: with what no request can outlive, if there is that, or once more if that was got over. */
  async answerError(m: ToWorker, e: unknown): Promise<void> {
    const told = this.told;
    await told;
    if (told && !this.failed && this.recovering && m.kind === 'request') return this.handle(m);
    post({ kind: 'error', id: m.id, error: errorShape(this.failed ?? e) });
  }
}

const tellOf = (state: Recovery['state'], message: string): void => post({ kind: 'recovery', id: 0, recovery: { state, message } });

const host = new Host();
self.addEventListener('message', (m: MessageEvent<ToWorker>) => {
  host.handle(m.data).catch((e: unknown) => host.answerError(m.data, e));
});

// Held for as long as this worker lives: how the main thread hears of its end.
void navigator.locks?.request(self.name, () => {
  post({ kind: 'alive', id: 0 });
  return new Promise(() => {});
});
