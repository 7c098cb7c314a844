// Executes the guest's commands on WebGPU: the browser's gpu.Device. Everything is created while a model loads; decoding
// only encodes and submits.

import { TabseekError } from '../shared/messages';
import { bindingType, type DispatchRecord, type Frame, type PipelineCommand, type SubmitCommand } from './abi';

/** What a readback brought. */
export interface Result {
  ticket: number;
  data: ArrayBuffer;
}

interface Pipeline {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

interface Dispatch {
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  workgroups: [number, number, number];
}

/** Limits that the kernels can use more of than WebGPU's defaults. */
const wantedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxComputeWorkgroupStorageSize'] as const;

export class Gpu {
  /** Totals since the last call of takeCounts. */
  private counts = { dispatches: 0, submits: 0, readbacks: 0 };
  private readonly buffers = new Map<number, GPUBuffer>();
  private readonly pipelines = new Map<number, Pipeline>();
  private readonly recordings = new Map<number, Dispatch[]>();
  /** Idle readback buffers by size: none is created once decoding is steady. */
  private readonly staging = new Map<number, GPUBuffer[]>();
  private closed = false;

  private constructor(
    private readonly device: GPUDevice,
    private readonly adapterInfo: GPUAdapterInfo,
    onLost: (error: TabseekError) => void,
  ) {
    void device.lost.then((info) => {
      if (!this.closed) onLost(new TabseekError('device_lost', `the GPU was lost: ${info.message || info.reason}`));
    });
  }

  static async open(onLost: (error: TabseekError) => void): Promise<Gpu> {
    if (!globalThis.isSecureContext) throw new TabseekError('insecure_context', 'WebGPU needs HTTPS or localhost');
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new TabseekError('no_webgpu', navigator.gpu ? 'this browser found no GPU that WebGPU can use' : 'this browser has no WebGPU');
    const requiredLimits: Record<string, number> = {};
    for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name];
    const device = await adapter.requestDevice({ requiredLimits });
    return new Gpu(device, adapter.info, onLost);
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
      max_workgroups_per_dim: l.maxComputeWorkgroupsPerDimension,
      storage_offset_align: l.minStorageBufferOffsetAlignment,
      uniform_offset_align: l.minUniformBufferOffsetAlignment,
    };
  }

  get name(): string {
    const { vendor, architecture, description } = this.adapterInfo;
    return description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU';
  }

  /**
   * Runs the commands that create things, and waits until the GPU has accepted them all: what it refuses is an error of
   * out_of_memory or internal, by name.
   */
  async create(frames: Frame[]): Promise<void> {
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    const problems: Promise<void>[] = [];
    for (const f of frames) {
      if (f.op === 'buffer') this.createBuffer(f);
      else if (f.op === 'pipeline') problems.push(this.createPipeline(f));
    }
    await Promise.all(problems);
    for (const f of frames) {
      if (f.op === 'recording') this.recordings.set(f.id, f.dispatches.map((d) => this.prepare(d)));
      else if (f.op === 'write') this.write(f.buffer, f.offset, f.data);
    }
    const validation = await this.device.popErrorScope();
    const memory = await this.device.popErrorScope();
    if (memory) throw new TabseekError('out_of_memory', `the GPU has not enough memory for this model: ${memory.message}`);
    if (validation) throw new TabseekError('internal', `the GPU refused: ${validation.message}`);
  }

  private createBuffer(f: Frame & { op: 'buffer' }): void {
    const kind = f.uniform ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE;
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

  private prepare(d: DispatchRecord): Dispatch {
    const p = this.pipelines.get(d.pipeline);
    if (!p) throw new Error(`no pipeline ${d.pipeline}`);
    const entries = d.bindings.map((b) => ({ binding: b.slot, resource: { buffer: this.buffer(b.buffer), offset: b.offset, size: b.size } }));
    return { pipeline: p.pipeline, group: this.device.createBindGroup({ layout: p.layout, entries }), workgroups: d.workgroups };
  }

  private buffer(id: number): GPUBuffer {
    const b = this.buffers.get(id);
    if (!b) throw new Error(`no buffer ${id}`);
    return b;
  }

  write(buffer: number, offset: number, data: Uint8Array<ArrayBuffer>): void {
    this.device.queue.writeBuffer(this.buffer(buffer), offset, data);
  }

  /** Resolves when the GPU has done what was submitted so far. */
  idle(): Promise<void> {
    return this.device.queue.onSubmittedWorkDone();
  }

  /** All replays in one compute pass, then the copies for the readbacks; their results come later. */
  submit(f: SubmitCommand): Promise<Result>[] {
    const encoder = this.device.createCommandEncoder();
    if (f.replays.length > 0) {
      const pass = encoder.beginComputePass();
      for (const r of f.replays) this.replay(pass, r.recording, r.times);
      pass.end();
    }
    const targets = f.readbacks.map((r) => {
      const target = this.stagingBuffer(r.size);
      encoder.copyBufferToBuffer(this.buffer(r.buffer), r.offset, target, 0, r.size);
      return target;
    });
    this.device.queue.submit([encoder.finish()]);
    this.counts.submits++;
    this.counts.readbacks += targets.length;
    return f.readbacks.map((r, i) => this.read(r.ticket, targets[i]!, r.size));
  }

  private replay(pass: GPUComputePassEncoder, id: number, times: number): void {
    const dispatches = this.recordings.get(id);
    if (!dispatches) throw new Error(`no recording ${id}`);
    for (let i = 0; i < times; i++) {
      for (const d of dispatches) {
        pass.setPipeline(d.pipeline);
        pass.setBindGroup(0, d.group);
        pass.dispatchWorkgroups(...d.workgroups);
      }
    }
    this.counts.dispatches += times * dispatches.length;
  }

  private stagingBuffer(size: number): GPUBuffer {
    return this.staging.get(size)?.pop() ?? this.device.createBuffer({ label: 'staging', size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  private async read(ticket: number, target: GPUBuffer, size: number): Promise<Result> {
    await target.mapAsync(GPUMapMode.READ);
    const data = target.getMappedRange().slice(0);
    target.unmap();
    this.staging.set(size, [...(this.staging.get(size) ?? []), target]);
    return { ticket, data };
  }

  takeCounts(): { dispatches: number; submits: number; readbacks: number } {
    const counts = this.counts;
    this.counts = { dispatches: 0, submits: 0, readbacks: 0 };
    return counts;
  }

  /** Frees everything; losing the device this way is no error. */
  close(): void {
    this.closed = true;
    this.device.destroy();
  }
}
