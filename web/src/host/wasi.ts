// The few WASI preview 1 functions that a Go reactor imports: a clock, randomness, output for panics. There are no files
// and no arguments. https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md

const SUCCESS = 0;
const BADF = 8;
const NOSYS = 52;

/** Thrown when the guest calls proc_exit: a Go panic or os.Exit. */
export class GuestExit extends Error {
  constructor(
    readonly code: number,
    readonly output: string,
  ) {
    super(`the engine stopped (exit ${code})${output ? `: ${output.split('\n')[0]}` : ''}`);
  }
}

/** The imports; memory is asked for at each call, since growing replaces its buffer. */
export function wasi(memory: () => WebAssembly.Memory): WebAssembly.ModuleImports {
  const view = () => new DataView(memory().buffer);
  const decoder = new TextDecoder();
  let output = '';
  const functions: Record<string, (...args: never[]) => number | void> = {
    args_get: () => SUCCESS,
    args_sizes_get: (count: number, size: number) => zero(count, size),
    environ_get: () => SUCCESS,
    environ_sizes_get: (count: number, size: number) => zero(count, size),
    clock_time_get: (id: number, _precision: bigint, out: number) => {
      const ms = id === 0 ? Date.now() : performance.now();
      view().setBigUint64(out, BigInt(Math.round(ms * 1e6)), true);
      return SUCCESS;
    },
    random_get: (at: number, size: number) => {
      for (let done = 0; done < size; done += 65536) {
        crypto.getRandomValues(new Uint8Array(memory().buffer, at + done, Math.min(65536, size - done)));
      }
      return SUCCESS;
    },
    fd_write: (fd: number, vectors: number, count: number, written: number) => {
      let total = 0;
      for (let i = 0; i < count; i++) {
        const at = view().getUint32(vectors + 8 * i, true);
        const size = view().getUint32(vectors + 8 * i + 4, true);
        if (fd === 2) output += decoder.decode(new Uint8Array(memory().buffer, at, size));
        total += size;
      }
      view().setUint32(written, total, true);
      return SUCCESS;
    },
    fd_fdstat_get: () => SUCCESS,
    fd_fdstat_set_flags: () => SUCCESS,
    fd_close: () => SUCCESS,
    fd_prestat_get: () => BADF,
    fd_prestat_dir_name: () => BADF,
    sched_yield: () => SUCCESS,
    poll_oneoff: () => SUCCESS,
    proc_exit: (code: number) => {
      throw new GuestExit(code, output);
    },
  };
  function zero(...at: number[]): number {
    for (const a of at) view().setUint32(a, 0, true);
    return SUCCESS;
  }
  return new Proxy(functions as WebAssembly.ModuleImports, { get: (known, name: string) => known[name] ?? (() => NOSYS) });
}
