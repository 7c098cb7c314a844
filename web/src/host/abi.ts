// The wire format between the guest and its hosts, as wasm/abi has it in Go; the layouts are listed at the head of
// wasm/abi/abi.go. Constants are generated; both sides decode the golden stream in testdata/abi.
//
// All numbers are little-endian u32 unless they are u64: two halves, low first. Text is its length and its bytes, padded to 4.

import { Access, Opcode, Recorded } from './abi.gen';

export interface PipelineCommand {
  op: 'pipeline';
  id: number;
  name: string;
  source: string;
  bindings: { slot: number; access: number }[];
}

interface BoundRange {
  slot: number;
  buffer: number;
  offset: number;
  size: number;
}

/** A command of a recording (gpu.Recorded in Go). */
export type RecordedCommand =
  | { kind: 'dispatch'; pipeline: number; workgroups: [number, number, number]; bindings: BoundRange[] }
  | { kind: 'indirect'; pipeline: number; arguments: number; offset: number; bindings: BoundRange[] }
  | { kind: 'copy'; from: number; fromOffset: number; to: number; toOffset: number; size: number }
  | { kind: 'clear'; buffer: number; offset: number; size: number };

export interface UploadCommand {
  op: 'upload';
  shard: number;
  buffer: number;
  offset: number;
  size: number;
  file: string;
  sha256: string;
}

export interface SubmitCommand {
  op: 'submit';
  ticket: number;
  /** With a count, only so many commands from the first on. */
  replays: { recording: number; times: number; first: number; count: number }[];
  readbacks: { buffer: number; offset: number; size: number }[];
}

export type Frame =
  | { op: 'buffer'; id: number; uniform: boolean; size: number; label: string }
  | PipelineCommand
  | { op: 'recording'; id: number; label: string; commands: RecordedCommand[] }
  | UploadCommand
  | { op: 'write'; buffer: number; offset: number; data: Uint8Array<ArrayBuffer> }
  | SubmitCommand
  | { op: 'reset' }
  | { op: 'event'; event: unknown }
  | { op: 'logits'; request: number; row: number; draft: boolean; values: Float32Array<ArrayBuffer> };

/** Decodes a whole stream. The frames own their bytes: the guest's memory may change afterwards. */
export function decode(stream: Uint8Array): Frame[] {
  const copy = stream.slice();
  const frames: Frame[] = [];
  for (let at = 0; at < copy.length; ) {
    const head = new DataView(copy.buffer, copy.byteOffset + at);
    const opcode = head.getUint32(0, true);
    const size = head.getUint32(4, true);
    const payload = new Reader(copy, at + 8, size);
    frames.push(decodeFrame(opcode, payload));
    payload.end();
    at += 8 + pad(size);
    if (at > copy.length) throw new Error('abi: stream ends too early');
  }
  return frames;
}

const pad = (n: number): number => (n + 3) & ~3;

function decodeFrame(opcode: number, r: Reader): Frame {
  switch (opcode) {
    case Opcode.CreateBuffer:
      return { op: 'buffer', id: r.u32(), uniform: r.u32() === 1, size: r.u64(), label: r.text() };
    case Opcode.CreatePipeline:
      return { op: 'pipeline', id: r.u32(), name: r.text(), source: r.text(), bindings: r.list(() => ({ slot: r.u32(), access: r.u32() })) };
    case Opcode.CreateRecording:
      return { op: 'recording', id: r.u32(), label: r.text(), commands: r.list(() => recorded(r)) };
    case Opcode.Upload:
      return { op: 'upload', shard: r.u32(), buffer: r.u32(), offset: r.u64(), size: r.u64(), file: r.text(), sha256: r.text() };
    case Opcode.Write:
      return { op: 'write', buffer: r.u32(), offset: r.u64(), data: r.bytes(r.u32()) };
    case Opcode.Submit:
      return {
        op: 'submit',
        ticket: r.u32(),
        replays: r.list(() => ({ recording: r.u32(), times: r.u32(), first: r.u32(), count: r.u32() })),
        readbacks: r.list(() => ({ buffer: r.u32(), offset: r.u64(), size: r.u64() })),
      };
    case Opcode.Reset:
      return { op: 'reset' };
    case Opcode.Event:
      return { op: 'event', event: JSON.parse(new TextDecoder().decode(r.rest())) };
    case Opcode.Logits:
      return { op: 'logits', request: r.u32(), row: r.u32(), draft: r.u32() === 1, values: floats(r.rest()) };
  }
  throw new Error(`abi: unknown opcode ${opcode}`);
}

function recorded(r: Reader): RecordedCommand {
  const kind = r.u32();
  const bindings = () => r.list(() => ({ slot: r.u32(), buffer: r.u32(), offset: r.u64(), size: r.u64() }));
  switch (kind) {
    case Recorded.Dispatch:
      return { kind: 'dispatch', pipeline: r.u32(), workgroups: [r.u32(), r.u32(), r.u32()], bindings: bindings() };
    case Recorded.DispatchIndirect:
      return { kind: 'indirect', pipeline: r.u32(), arguments: r.u32(), offset: r.u64(), bindings: bindings() };
    case Recorded.Copy:
      return { kind: 'copy', from: r.u32(), fromOffset: r.u64(), to: r.u32(), toOffset: r.u64(), size: r.u64() };
    case Recorded.Clear:
      return { kind: 'clear', buffer: r.u32(), offset: r.u64(), size: r.u64() };
  }
  throw new Error(`abi: unknown recorded command ${kind}`);
}

/** What a submit brought (gpu.Result in Go). */
export interface Result {
  ticket: number;
  nanoseconds: number;
  data: Uint8Array[];
}

/** The payload of the message Result. */
export function encodeResult(result: Result): Uint8Array {
  const out = new Uint8Array(16 + result.data.reduce((sum, d) => sum + 4 + pad(d.length), 0));
  const view = new DataView(out.buffer);
  view.setUint32(0, result.ticket, true);
  view.setBigUint64(4, BigInt(Math.round(result.nanoseconds)), true);
  view.setUint32(12, result.data.length, true);
  let at = 16;
  for (const data of result.data) {
    view.setUint32(at, data.length, true);
    out.set(data, at + 4);
    at += 4 + pad(data.length);
  }
  return out;
}

function floats(bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return new Float32Array(bytes.slice().buffer);
}

/** WebGPU's name of an access. */
export function bindingType(access: number): GPUBufferBindingType {
  return access === Access.Uniform ? 'uniform' : access === Access.ReadWrite ? 'storage' : 'read-only-storage';
}

class Reader {
  private readonly view: DataView;
  private at = 0;
  constructor(
    private readonly source: Uint8Array<ArrayBuffer>,
    private readonly start: number,
    private readonly size: number,
  ) {
    this.view = new DataView(source.buffer, source.byteOffset + start, size);
  }
  u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }
  u64(): number {
    const low = this.u32();
    return low + this.u32() * 2 ** 32;
  }
  bytes(n: number): Uint8Array<ArrayBuffer> {
    if (n > this.size - this.at) throw new Error('abi: frame ends too early');
    const out = this.source.subarray(this.start + this.at, this.start + this.at + n);
    this.at += pad(n);
    return out;
  }
  rest(): Uint8Array<ArrayBuffer> {
    return this.bytes(this.size - this.at);
  }
  text(): string {
    return new TextDecoder().decode(this.bytes(this.u32()));
  }
  /** A payload is read to its end, or else guest and host are not of the same build. */
  end(): void {
    if (this.at < this.size) throw new Error(`abi: ${this.size - this.at} bytes too many in a frame`);
  }
  list<T>(item: () => T): T[] {
    const n = this.u32();
    const out: T[] = [];
    for (let i = 0; i < n; i++) out.push(item());
    return out;
  }
}
