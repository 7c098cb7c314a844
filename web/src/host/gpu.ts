// Executes the guest's commands on WebGPU: the browser's gpu.Device. Everything is created while a model loads; decoding
// only encodes and submits.

import { TabseekError } from '../shared/messages';
import { bindingType, type Frame, type PipelineCommand, type RecordedCommand, type Result, type SubmitCommand } from './abi';

interface Pipeline {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

/** A command of a recording, ready to be encoded; `encode` is for what takes place between two passes. */
type Command =
  | { encode?: undefined; pipeline: GPUComputePipeline; group: GPUBindGroup; dispatch: (pass: GPUComputePassEncoder) => void }
  | { encode: (encoder: GPUCommandEncoder) => void };

/** Features that programs can use, where the adapter has them. */
const wantedFeatures: GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];

/** Limits that the kernels can use more of than WebGPU's defaults. */
const wantedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxComputeWorkgroupStorageSize'] as const;

export class Gpu {
  /** Totals since the last call of takeCounts. */
  private counts = { dispatches: 0, submits: 0, readbacks: 0 };
  private readonly buffers = new Map<number, GPUBuffer>();
  private readonly pipelines = new Map<number, Pipeline>();
  private readonly recordings = new Map<number, Command[]>();
  /** Idle readback buffers by size: none is created once decoding is steady. */
  private readonly staging = new Map<number, GPUBuffer[]>();
  private readonly timestamps: Timestamps | undefined;
  private lastDone = 0;
  private closed = false;
  /** Bytes of the buffers that were asked for. */
  private allocated = 0;

  /** `onFailure` hears of what no call returns: a lost device, an error that nothing else caught. */
  private constructor(
    private readonly device: GPUDevice,
    private readonly adapterInfo: GPUAdapterInfo,
    private readonly onFailure: (error: TabseekError) => void,
  ) {
    if (device.features.has('timestamp-query')) this.timestamps = new Timestamps(device);
    void device.lost.then((info) => {
      if (!this.closed) onFailure(new TabseekError('device_lost', `the GPU was lost: ${info.message || info.reason}`));
    });
    device.addEventListener('uncapturederror', (e) => {
      if (this.closed) return;
      onFailure(e.error instanceof GPUOutOfMemoryError ? this.outOfMemory(e.error.message) : new TabseekError('internal', `the GPU refused: ${e.error.message}`));
    });
  }

  static async open(onFailure: (error: TabseekError) => void): Promise<Gpu> {
    if (!globalThis.isSecureContext) throw new TabseekError('insecure_context', 'WebGPU needs HTTPS or localhost');
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new TabseekError('no_webgpu', navigator.gpu ? 'this browser found no GPU that WebGPU can use' : 'this browser has no WebGPU');
    const requiredLimits: Record<string, number> = {};
    for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name];
    const requiredFeatures = wantedFeatures.filter((f) => adapter.features.has(f));
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    return new Gpu(device, adapter.info, onFailure);
  }

  /** gpu.Info in Go. */
  info(): Record<string, unknown> {
    const l = this.device.limits;
    return {
      name: this.name,
      backend: 'webgpu',
      shader_f16: this.device.features.has('shader-f16'),
      subgroups: this.device.features.has('subgroups'),
      dp4a: navigator.gpu.wgslLanguageFeatures?.has('packed_4x8_integer_dot_product') ?? false,
      max_buffer_size: l.maxBufferSize,
      max_binding_size: l.maxStorageBufferBindingSize,
      max_storage_buffers: l.maxStorageBuffersPerShaderStage,
      max_workgroup_storage: l.maxComputeWorkgroupStorageSize,
      max_invocations: l.maxComputeInvocationsPerWorkgroup,
    };
  }

  get name(): string {
    const { vendor, architecture, description } = this.adapterInfo;
    return description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU';
  }

  /** The largest buffer that a kernel can be given, in bytes. */
  get maxBinding(): number {
    return Math.min(this.device.limits.maxBufferSize, this.device.limits.maxStorageBufferBindingSize);
  }

  /** The error with what is needed in all, as far as it was asked for, and what there may be at once. */
  private outOfMemory(reason: string): TabseekError {
    const needed = this.allocated;
    const { maxBufferSize: max_buffer_size, maxStorageBufferBindingSize: max_binding_size } = this.device.limits;
    return new TabseekError('out_of_memory', `the GPU has not enough memory: ${needed} bytes are needed, and a buffer has at most ${max_buffer_size}: ${reason}`, { needed, max_buffer_size, max_binding_size });
  }

  /**
   * Runs the commands that create things, and waits until the GPU has accepted them all: what it refuses is an error of
   * out_of_memory or internal, by name. A buffer that is too large would be an invalid one: that is told as too little memory, too.
   */
  async create(frames: Frame[]): Promise<void> {
    const buffers = frames.filter((f) => f.op === 'buffer');
    for (const f of buffers) this.allocated += f.size;
    const large = buffers.find((f) => f.size > this.device.limits.maxBufferSize);
    if (large) throw this.outOfMemory(`${large.label} has ${large.size}`);
    const refused = this.scoped('validation', () => buffers.forEach((f) => this.createBuffer(f)));
    refused.catch(() => {}); // with the device lost, what comes first says so
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    const problems: Promise<void>[] = [];
    let failure: unknown;
    try {
      for (const f of frames) if (f.op === 'pipeline') problems.push(this.createPipeline(f));
      await Promise.all(problems);
      for (const f of frames) {
        if (f.op === 'recording') this.recordings.set(f.id, f.commands.map((c) => this.prepare(c)));
        else if (f.op === 'write') this.write(f.buffer, f.offset, f.data);
      }
    } catch (e) {
      failure = e;
    }
    const validation = await this.device.popErrorScope();
    const memory = await this.device.popErrorScope();
    const buffer = await refused;
    if (buffer ?? memory) throw this.outOfMemory((buffer ?? memory)!.message);
    if (failure) throw failure;
    if (validation) throw new TabseekError('internal', `the GPU refused: ${validation.message}`);
  }

  /** What the GPU has against something: too little memory, or an error of the kind given. */
  private scoped(kind: 'validation' | undefined, act: () => void): Promise<GPUError | undefined> {
    this.device.pushErrorScope('out-of-memory');
    if (kind) this.device.pushErrorScope(kind);
    act(); // creating and writing throw nothing: what is wrong comes by the scopes
    const other = kind && this.device.popErrorScope();
    const memory = this.device.popErrorScope();
    return Promise.all([memory, other]).then(([memory, other]) => memory ?? other ?? undefined);
  }

  private createBuffer(f: Frame & { op: 'buffer' }): void {
    const kind = f.uniform ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE | GPUBufferUsage.INDIRECT;
    this.buffers.set(f.id, this.device.createBuffer({ label: f.label, size: f.size, usage: kind | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST }));
  }

  /** The layout is explicit: an automatic one would leave out bindings that a variant does not use. */
  private async createPipeline(f: PipelineCommand): Promise<void> {
    const layout = this.device.createBindGroupLayout({
      label: f.name,
      entries: f.bindings.map((b) => ({ binding: b.slot, visibility: GPUShaderStage.COMPUTE, buffer: { type: bindingType(b.access) } })),
    });
    try {
      const pipeline = await this.device.createComputePipelineAsync({
        label: f.name,
        layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: this.device.createShaderModule({ label: f.name, code: f.source }), entryPoint: 'main' },
      });
      this.pipelines.set(f.id, { pipeline, layout });
    } catch (e) {
      throw new TabseekError('internal', `kernel ${f.name} does not compile: ${e instanceof Error ? e.message : String(e)}`);
    }
  }

  private prepare(c: RecordedCommand): Command {
    switch (c.kind) {
      case 'copy': {
        const [from, to] = [this.buffer(c.from), this.buffer(c.to)];
        return { encode: (encoder) => encoder.copyBufferToBuffer(from, c.fromOffset, to, c.toOffset, c.size) };
      }
      case 'clear': {
        const buffer = this.buffer(c.buffer);
        return { encode: (encoder) => encoder.clearBuffer(buffer, c.offset, c.size) };
      }
    }
    const p = this.pipelines.get(c.pipeline);
    if (!p) throw new Error(`no pipeline ${c.pipeline}`);
    const entries = c.bindings.map((b) => ({ binding: b.slot, resource: { buffer: this.buffer(b.buffer), offset: b.offset, size: b.size } }));
    const group = this.device.createBindGroup({ layout: p.layout, entries });
    if (c.kind === 'dispatch') {
      const [x, y, z] = c.workgroups;
      return { pipeline: p.pipeline, group, dispatch: (pass) => pass.dispatchWorkgroups(x, y, z) };
    }
    const args = this.buffer(c.arguments);
    return { pipeline: p.pipeline, group, dispatch: (pass) => pass.dispatchWorkgroupsIndirect(args, c.offset) };
  }

  private buffer(id: number): GPUBuffer {
    const b = this.buffers.get(id);
    if (!b) throw new Error(`no buffer ${id}`);
    return b;
  }

  write(buffer: number, offset: number, data: Uint8Array<ArrayBuffer>): void {
    this.device.queue.writeBuffer(this.buffer(buffer), offset, data);
  }

  /** Writes much, and resolves when it is there; rejects with out_of_memory where what it is copied through finds no room. */
  async upload(buffer: number, offset: number, pieces: Iterable<{ at: number; data: Uint8Array<ArrayBuffer> }>): Promise<void> {
    const refused = this.scoped(undefined, () => {
      for (const { at, data } of pieces) this.write(buffer, offset + at, data);
    });
    await this.device.queue.onSubmittedWorkDone(); // the queue's copies are gone before the next shard's begin
    const error = await refused;
    if (error) throw this.outOfMemory(error.message);
  }

  /** All replays, in one compute pass as long as nothing is copied, then the copies for the readbacks; the result comes later. */
  submit(f: SubmitCommand): Promise<Result> {
    const encoder = this.device.createCommandEncoder();
    const timing = this.timestamps?.take();
    this.encode(encoder, f.replays, timing);
    const sizes = f.readbacks.map((r) => r.size);
    const target = this.stagingBuffer(TIMES_SIZE + sizes.reduce((sum, n) => sum + n, 0));
    if (timing) this.timestamps!.resolve(encoder, timing, target);
    let at = TIMES_SIZE;
    for (const r of f.readbacks) {
      encoder.copyBufferToBuffer(this.buffer(r.buffer), r.offset, target, at, r.size);
      at += r.size;
    }
    const submitted = performance.now();
    this.device.queue.submit([encoder.finish()]);
    this.counts.submits++;
    this.counts.readbacks += f.readbacks.length;
    return this.read(f.ticket, target, sizes, submitted, timing);
  }

  private encode(encoder: GPUCommandEncoder, replays: SubmitCommand['replays'], timing: Timing | undefined): void {
    let pass: GPUComputePassEncoder | undefined;
    // Passes are timed from the first one's begin to the last one's end: each writes its end over the one before.
    const begin = () => encoder.beginComputePass(timing ? { timestampWrites: timing.writes() } : {});
    for (const r of replays) {
      const recording = this.recordings.get(r.recording);
      if (!recording) throw new Error(`no recording ${r.recording}`);
      if (r.first + r.count > recording.length) throw new Error(`recording ${r.recording} has ${recording.length} commands, not ${r.first}+${r.count}`);
      const commands = r.count ? recording.slice(r.first, r.first + r.count) : recording;
      this.counts.dispatches += r.times * commands.filter((c) => !c.encode).length;
      for (let i = 0; i < r.times; i++) {
        for (const c of commands) {
          if (c.encode) {
            pass?.end();
            pass = undefined;
            c.encode(encoder);
            continue;
          }
          pass ??= begin();
          pass.setPipeline(c.pipeline);
          pass.setBindGroup(0, c.group);
          c.dispatch(pass);
        }
      }
    }
    pass?.end();
  }

  /** Idle staging buffers are kept by size, which is rounded up so that there are few sizes. */
  private stagingBuffer(size: number): GPUBuffer {
    const rounded = 2 ** Math.ceil(Math.log2(Math.max(size, 256)));
    const idle = this.staging.get(rounded)?.pop();
    if (idle) return idle;
    let made: GPUBuffer | undefined;
    const refused = this.scoped(undefined, () => (made = this.device.createBuffer({ label: 'staging', size: rounded, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })));
    void refused.then((error) => error && !this.closed && this.onFailure(this.outOfMemory(error.message)), () => {}); // a lost device says so itself
    return made!;
  }

  private async read(ticket: number, target: GPUBuffer, sizes: number[], submitted: number, timing: Timing | undefined): Promise<Result> {
    await target.mapAsync(GPUMapMode.READ);
    const done = performance.now();
    let nanoseconds = 1e6 * (done - Math.max(submitted, this.lastDone));
    this.lastDone = done;
    let at = TIMES_SIZE;
    const mapped = target.getMappedRange();
    const data = sizes.map((size) => new Uint8Array(mapped.slice(at, (at += size))));
    if (timing) nanoseconds = timing.used ? this.timestamps!.read(mapped) || nanoseconds : 0;
    target.unmap();
    this.staging.set(target.size, [...(this.staging.get(target.size) ?? []), target]);
    return { ticket, nanoseconds, data };
  }

  takeCounts(): { dispatches: number; submits: number; readbacks: number } {
    const counts = this.counts;
    this.counts = { dispatches: 0, submits: 0, readbacks: 0 };
    return counts;
  }

  /** Loses the device, as a driver that restarts does. */
  lose(): void {
    this.device.destroy();
  }

  /** Frees everything; losing the device this way is no error. */
  close(): void {
    this.closed = true;
    this.device.destroy();
  }
}

/** The begin and the end of a submit's passes, u64 nanoseconds each, at the head of its staging buffer. */
const TIMES_SIZE = 16;

interface Timing {
  index: number;
  used: boolean;
  writes(): GPUComputePassTimestampWrites;
}

/** Timestamps of the submits under way. */
class Timestamps {
  private static readonly SLOTS = 16;
  private readonly queries: GPUQuerySet;
  private readonly resolved: GPUBuffer;
  private last = 0;

  constructor(device: GPUDevice) {
    this.queries = device.createQuerySet({ type: 'timestamp', count: 2 * Timestamps.SLOTS });
    this.resolved = device.createBuffer({ label: 'timestamps', size: 256 * Timestamps.SLOTS, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  }

  take(): Timing {
    const index = (this.last = (this.last + 1) % Timestamps.SLOTS);
    const timing: Timing = {
      index,
      used: false,
      writes: () => {
        const writes: GPUComputePassTimestampWrites = { querySet: this.queries, endOfPassWriteIndex: 2 * index + 1 };
        if (!timing.used) writes.beginningOfPassWriteIndex = 2 * index;
        timing.used = true;
        return writes;
      },
    };
    return timing;
  }

  resolve(encoder: GPUCommandEncoder, t: Timing, target: GPUBuffer): void {
    if (!t.used) return;
    encoder.resolveQuerySet(this.queries, 2 * t.index, 2, this.resolved, 256 * t.index);
    encoder.copyBufferToBuffer(this.resolved, 256 * t.index, target, 0, TIMES_SIZE);
  }

  /** Nanoseconds between the two; 0 if they tell nothing, as those of a short submit, for browsers round. */
  read(mapped: ArrayBuffer): number {
    const times = new BigUint64Array(mapped, 0, 2);
    return Math.max(Number(times[1]! - times[0]!), 0);
  }
}
