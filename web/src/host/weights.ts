// Brings shards from the network: fetched, resumed where a connection broke, checked against their SHA-256, and only then
// handed on. The bytes go from here to the GPU and never into the guest.

import { TabseekError } from '../shared/messages';

/** Shards fetched at a time. */
const PARALLEL = 4;
const TRIES = 4;
/** Milliseconds without a byte after which a connection counts as broken. */
const SILENCE = 15_000;

export interface ShardSpec {
  file: string;
  size: number;
  sha256: string;
}

/** Fetches a small file whole. */
export async function fetchFile(base: string, name: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const watch = new Watch(signal);
  try {
    const response = await get(base, name, { signal: watch.signal });
    if (response.status !== 200) throw new TabseekError('download_failed', `${name}: the server answered ${response.status}`, { file: name });
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of watch.chunks(response)) parts.push(chunk);
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } catch (e) {
    if (signal.aborted) throw new TabseekError('aborted', 'loading was stopped');
    throw e instanceof TabseekError ? e : new TabseekError('download_failed', `${name}: ${reason(e)}`, { file: name });
  } finally {
    watch.end();
  }
}

/** Fetches all shards, a few at a time; `use` gets each once it is verified. */
export async function fetchShards<T extends ShardSpec>(
  base: string,
  shards: T[],
  signal: AbortSignal,
  onBytes: (n: number) => void,
  use: (shard: T, data: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<void> {
  const queue = [...shards];
  const worker = async () => {
    for (let shard = queue.shift(); shard; shard = queue.shift()) {
      const data = await new Download(base, shard, signal, onBytes).whole();
      await use(shard, data);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, shards.length) }, worker));
}

/** A shard on its way. */
class Download {
  private readonly data: Uint8Array<ArrayBuffer>;
  private have = 0;
  private cache: RequestCache = 'default';

  constructor(
    private readonly base: string,
    private readonly shard: ShardSpec,
    private readonly signal: AbortSignal,
    private readonly onBytes: (n: number) => void,
  ) {
    this.data = new Uint8Array(shard.size);
  }

  /** The shard, verified. A broken connection goes on from the bytes that are here; wrong content starts over. */
  async whole(): Promise<Uint8Array<ArrayBuffer>> {
    const { file, sha256 } = this.shard;
    let problem: TabseekError | undefined;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (attempt > 0) await delay(250 * 2 ** attempt * (0.5 + Math.random()), this.signal);
      try {
        await this.rest();
        const actual = hex(await crypto.subtle.digest('SHA-256', this.data));
        if (actual === sha256) return this.data;
        problem = new TabseekError('bad_hash', `${file} is damaged: its SHA-256 is ${actual}`, { file, expected: sha256, actual });
      } catch (e) {
        if (this.signal.aborted) throw new TabseekError('aborted', 'loading was stopped');
        if (!(e instanceof TabseekError)) {
          problem = new TabseekError('download_failed', `${file}: ${reason(e)}`, { file });
          continue;
        }
        problem = e;
      }
      this.drop();
      this.cache = 'reload'; // or the browser brings the same again: shards may be kept for ever
    }
    throw problem!;
  }

  /** Reads what is missing; an error that is no TabseekError says that the connection broke. */
  private async rest(): Promise<void> {
    const { file, size, sha256 } = this.shard;
    const headers: Record<string, string> = this.have > 0 ? { Range: `bytes=${this.have}-`, 'If-Range': `"${sha256}"` } : {};
    const watch = new Watch(this.signal);
    try {
      const response = await get(this.base, file, { headers, signal: watch.signal, cache: this.cache });
      if (response.status === 200) this.drop(); // it sends all, whatever was asked for
      checkAnswer(this.shard, response);
      for await (const chunk of watch.chunks(response)) {
        if (this.have + chunk.length > size) throw new TabseekError('bad_hash', `${file} is longer than ${size} bytes`, { file });
        this.data.set(chunk, this.have);
        this.have += chunk.length;
        this.onBytes(chunk.length);
      }
    } finally {
      watch.end();
    }
    if (this.have < size) throw new Error(`ended after ${this.have} of ${size} bytes`);
  }

  private drop(): void {
    this.onBytes(-this.have);
    this.have = 0;
  }
}

/** Refuses an answer that does not bring a shard. */
function checkAnswer(shard: ShardSpec, response: Response): void {
  if (response.status !== 200 && response.status !== 206) {
    throw new TabseekError('download_failed', `${shard.file}: the server answered ${response.status}`, { file: shard.file, status: response.status });
  }
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    throw new TabseekError('download_failed', `${shard.file}: the server answered a web page, not model data`, { file: shard.file });
  }
}

/** Watches over a request: it is broken off when the caller says so, and when the server is silent for too long. */
class Watch {
  private readonly control = new AbortController();
  private timer = 0;

  constructor(private readonly caller: AbortSignal) {
    caller.addEventListener('abort', this.stop);
    if (caller.aborted) this.stop();
    this.alive();
  }

  get signal(): AbortSignal {
    return this.control.signal;
  }

  /** What the server sends, as it comes. */
  async *chunks(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = response.body!.getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      this.alive();
      yield chunk.value;
    }
  }

  end(): void {
    clearTimeout(this.timer);
    this.caller.removeEventListener('abort', this.stop);
    this.control.abort(); // a body that nobody reads on is not to be sent
  }

  private readonly stop = (): void => this.control.abort(this.caller.reason);

  private alive(): void {
    clearTimeout(this.timer);
    this.timer = self.setTimeout(() => this.control.abort(new Error(`the server sent nothing for ${SILENCE / 1000} s`)), SILENCE);
  }
}

const get = (base: string, name: string, options: RequestInit): Promise<Response> => fetch(`${base}/${name}`, options);

const reason = (e: unknown): string => (e instanceof Error ? e.message : 'network error');

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new TabseekError('aborted', 'loading was stopped'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop);
  });
}

export function hex(data: ArrayBuffer): string {
  return Array.from(new Uint8Array(data), (b) => b.toString(16).padStart(2, '0')).join('');
}
