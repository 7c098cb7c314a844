// One life of a device: the guest, the GPU, and what the one wants of the other. When the device is lost, the session is over
// and another begins.

import { engineError, TabseekError } from '../shared/messages';
import type { EngineEvent, EngineOptions } from '../shared/messages.gen';
import { Message, Version } from './abi.gen';
import { encodeResult, type Frame, type SubmitCommand, type UploadCommand } from './abi';
import type { Gpu } from './gpu';
import type { Guest } from './guest';

/** Bytes handed to the GPU's queue in one go: larger writes are slower. */
const WRITE_PIECE = 2 << 20;

/** Who hears of what comes of it. */
export interface Listener {
  event(e: EngineEvent): void;
  logits(f: Frame & { op: 'logits' }): void;
  /** Something that the session does not outlive. */
  fail(e: unknown): void;
}

const encoder = new TextEncoder();

export class Session {
  /** What the guest wants done and is not done yet, in order. */
  private readonly todo: Frame[] = [];
  private creating = false;
  private closed = false;

  constructor(
    readonly gpu: Gpu,
    readonly guest: Guest,
    private readonly listener: Listener,
  ) {}

  /** Opens a model; the frames say what is to be created and uploaded. */
  open(options: EngineOptions): Frame[] {
    return this.tell(Message.Open, JSON.stringify({ version: Version, device: this.gpu.info(), options }));
  }

  /** Tells the guest something and returns what it wants done. A guest that dies of it answers nothing any more. */
  tell(kind: number, data: Uint8Array | string): Frame[] {
    try {
      return this.guest.send(kind, typeof data === 'string' ? encoder.encode(data) : data);
    } catch (e) {
      this.fail(e);
      throw e;
    }
  }

  /** Writes a shard to the GPU, and tells the guest. */
  async upload(u: UploadCommand, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const pieces = Array.from({ length: Math.ceil(data.length / WRITE_PIECE) }, (_, i) => ({ at: i * WRITE_PIECE, data: data.subarray(i * WRITE_PIECE, (i + 1) * WRITE_PIECE) }));
    await this.gpu.upload(u.buffer, u.offset, pieces);
    const shard = new Uint8Array(4);
    new DataView(shard.buffer).setUint32(0, u.shard, true);
    this.carryOut(this.tell(Message.Uploaded, shard));
  }

  /**
   * Does what the guest asked for, in order; what comes while the GPU compiles waits for it. Half of it done is worse
   * than nothing.
   */
  carryOut(frames: Frame[]): void {
    if (this.closed) return;
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
      throw e;
    }
  }

  /** Tells of the events that wait; the GPU has no more to do. */
  flushEvents(frames: Frame[]): void {
    for (const f of [...this.todo.splice(0), ...frames]) if (f.op === 'event') this.listener.event(f.event as EngineEvent);
  }

  close(): void {
    this.closed = true;
    this.gpu.close();
  }

  private create(frames: Frame[]): void {
    this.creating = true;
    this.gpu.create(frames).then(() => {
      this.creating = false;
      this.carryOut([]);
    }).catch((e: unknown) => this.fail(e));
  }

  private execute(f: Frame): void {
    switch (f.op) {
      case 'write':
        return this.gpu.write(f.buffer, f.offset, f.data);
      case 'submit':
        return this.submit(f);
      case 'event':
        return this.listener.event(f.event as EngineEvent);
      case 'logits':
        return this.listener.logits(f);
      case 'reset':
        return; // the device goes as a whole
    }
    throw new TabseekError('internal', `command ${f.op} while running`);
  }

  private submit(f: SubmitCommand): void {
    this.gpu.submit(f).then((result) => {
      if (!this.closed) this.carryOut(this.tell(Message.Result, encodeResult(result)));
    }).catch((e: unknown) => this.fail(e));
  }

  private fail(e: unknown): void {
    if (!this.closed) this.listener.fail(e);
  }
}

const creates = (f: Frame): boolean => f.op === 'buffer' || f.op === 'pipeline' || f.op === 'recording';

/** The error by which the engine refuses, if it does. */
export function refusal(frames: Frame[], id: number): EngineEvent | undefined {
  return frames.map((f) => (f.op === 'event' ? (f.event as EngineEvent) : undefined)).find((e) => e?.type === 'error' && e.id === id);
}

/** Opens a model with the profile that won here before, if the caller asks for none and the engine still knows it. */
export function openModel(session: Session, options: EngineOptions, remembered: string | undefined, forget: () => void): Frame[] {
  const guess = !options.profile && remembered !== undefined;
  let frames = session.open(guess ? { ...options, profile: remembered } : options);
  if (guess && refusal(frames, 0)?.param === 'profile') {
    forget();
    frames = session.open(options);
  }
  const error = refusal(frames, 0);
  if (error) throw engineError(error);
  return frames;
}
