// The wire format between the guest and its hosts, as wasm/abi has it in Go; the layouts are listed at the head of
// wasm/abi/abi.go. Constants are generated; both sides decode the golden stream in testdata/abi.
//
// All numbers are little-endian u32 unless they are u64: two halves, low first. Text is its length and its bytes, padded to 4.

import { Access, Opcode } from './abi.gen';

export interface PipelineCommand {
  op: 'pipeline';
  id: number;
  name: string;
  source: string;
  bindings: { slot: number; access: number }[];
}

export interface DispatchRecord {
  pipeline: number;
  workgroups: [number, number, number];
  bindings: { slot: number; buffer: number; offset: number; size: number }[];
}

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
  replays: { recording: number; times: number }[];
  readbacks: { ticket: number; buffer: number; offset: number; size: number }[];
}

export type Frame =
  | { op: 'buffer'; id: number; uniform: boolean; size: number; label: string }
  | PipelineCommand
  | { op: 'recording'; id: number; label: string; dispatches: DispatchRecord[] }
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
      return { op: 'recording', id: r.u32(), label: r.text(), dispatches: r.list(() => dispatch(r)) };
    case Opcode.Upload:
      return { op: 'upload', shard: r.u32(), buffer: r.u32(), offset: r.u64(), size: r.u64(), file: r.text(), sha256: r.text() };
    case Opcode.Write:
      return { op: 'write', buffer: r.u32(), offset: r.u64(), data: r.bytes(r.u32()) };
    case Opcode.Submit:
      return {
        op: 'submit',
        replays: r.list(() => ({ recording: r.u32(), times: r.u32() })),
        readbacks: r.list(() => ({ ticket: r.u32(), buffer: r.u32(), offset: r.u64(), size: r.u64() })),
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

function dispatch(r: Reader): DispatchRecord {
  return {
    pipeline: r.u32(),
    workgroups: [r.u32(), r.u32(), r.u32()],
    bindings: r.list(() => ({ slot: r.u32(), buffer: r.u32(), offset: r.u64(), size: r.u64() })),
  };
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
