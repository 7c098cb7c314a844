// engine.wasm: the Go engine behind four exports (see wasm/main.go). It computes nothing on weights and never waits.

import { TabseekError } from '../shared/messages';
import { decode, type Frame } from './abi';
import { Version } from './abi.gen';
import { GuestExit, wasi } from './wasi';

interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  tabseek_version(): number;
  tabseek_input(size: number): number;
  tabseek_handle(kind: number, size: number): void;
  tabseek_output(): bigint;
}

export class Guest {
  /** Totals since the last call of takeCounts. */
  private counts = { calls: 0, seconds: 0 };

  private constructor(
    private readonly module: WebAssembly.Module,
    private readonly exports: Exports,
    /** Which build it is, as the server tells it. */
    readonly build: string,
  ) {}

  static async open(url: URL): Promise<Guest> {
    const response = await fetch(url);
    if (!response.ok) throw new TabseekError('download_failed', `${url.pathname}: the server answered ${response.status}`);
    const module = await (response.headers.get('content-type')?.startsWith('application/wasm')
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()));
    return Guest.start(module, response.headers.get('etag') ?? response.headers.get('last-modified') ?? '');
  }

  /** Another one of the same build, that knows nothing yet. */
  again(): Promise<Guest> {
    return Guest.start(this.module, this.build);
  }

  private static async start(module: WebAssembly.Module, build: string): Promise<Guest> {
    let exports: Exports | undefined;
    const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi(() => exports!.memory) });
    exports = instance.exports as Exports;
    exports._initialize();
    const version = exports.tabseek_version?.();
    if (version !== Version) {
      throw new TabseekError('internal', `engine.wasm: the guest speaks version ${version ?? 0} of the wire and the host version ${Version}: they are not of the same build`);
    }
    return new Guest(module, exports, build);
  }

  /** Hands a message to the guest and returns what it wants done. */
  send(kind: number, data: Uint8Array): Frame[] {
    const start = performance.now();
    try {
      const at = this.exports.tabseek_input(data.length) >>> 0;
      new Uint8Array(this.exports.memory.buffer, at, data.length).set(data);
      this.exports.tabseek_handle(kind, data.length);
      const packed = BigInt.asUintN(64, this.exports.tabseek_output());
      const output = new Uint8Array(this.exports.memory.buffer, Number(packed >> 32n), Number(packed & 0xffffffffn));
      return decode(output);
    } catch (e) {
      if (e instanceof GuestExit || e instanceof WebAssembly.RuntimeError) throw new TabseekError('internal', e.message);
      throw e;
    } finally {
      this.counts.calls++;
      this.counts.seconds += (performance.now() - start) / 1000;
    }
  }

  get heapBytes(): number {
    return this.exports.memory.buffer.byteLength;
  }

  takeCounts(): { calls: number; seconds: number } {
    const counts = this.counts;
    this.counts = { calls: 0, seconds: 0 };
    return counts;
  }
}
