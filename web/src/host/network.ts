// Brings files from the network: resumed where a connection broke, checked against their SHA-256, and only then handed on.

import { TabseekError } from '../shared/messages';

/** Tries in a row that bring little, before a file is given up. */
const TRIES = 4;
/** Times that a file may come with wrong content. */
const WRONG_TRIES = 3;
/** A try that brought so much was not in vain. */
const PROGRESS = 1 << 20;
/** Milliseconds without a byte after which a connection counts as broken. */
const SILENCE = 30_000;

/** A file whose content is known beforehand. */
export interface FileSpec {
  file: string;
  size: number;
  sha256: string;
}

/** Hears of bytes, and of bytes that turned out to be none (fewer than 0). */
export type OnBytes = (n: number, from: 'disk' | 'network') => void;

/** What keeps the bytes of a file as they come, for another time (storage/shards.ts). */
export interface Keeper {
  write(data: Uint8Array<ArrayBuffer>, at: number): void;
  truncate(size: number): void;
}

/** A model whose files the user chose has an address that no server has. */
export const isLocal = (url: string): boolean => url.startsWith('local:');

/** Refuses to ask the network for what is not there. */
function checkServed(base: string, file: string): void {
  if (isLocal(base)) throw new TabseekError('download_failed', `${file}: this model came from a folder, which has to be chosen again`, { file });
}

/** Fetches a small file whole. */
export async function fetchFile(base: string, name: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  checkServed(base, name);
  const watch = new Watch(signal);
  try {
    const response = await fetch(`${base}/${name}`, { signal: watch.signal });
    if (response.status !== 200) throw new TabseekError('download_failed', `${name}: the server answered ${response.status}`, { file: name });
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of watch.chunks(response)) parts.push(chunk);
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } catch (e) {
    if (signal.aborted) throw stopped();
    throw e instanceof TabseekError ? e : new TabseekError('download_failed', `${name}: ${reason(e)}`, { file: name });
  } finally {
    watch.end();
  }
}

/** A file on its way. */
export class Download {
  private readonly data: Uint8Array<ArrayBuffer>;
  private have = 0;

  /** `keeper` gets every byte; without one the browser's own cache may keep the file. */
  constructor(
    private readonly base: string,
    private readonly spec: FileSpec,
    private readonly signal: AbortSignal,
    private readonly onBytes: OnBytes,
    private readonly keeper?: Keeper,
  ) {
    this.data = new Uint8Array(spec.size);
  }

  /** Goes on from what an earlier visit brought. */
  resume(read: (into: Uint8Array<ArrayBuffer>) => number, size: number): void {
    if (size > this.spec.size) return this.keeper?.truncate(0);
    this.have = read(this.data.subarray(0, size));
    this.onBytes(this.have, 'disk');
  }

  /** The file, verified. A broken connection goes on from the bytes that are here; wrong content starts over. */
  async whole(): Promise<Uint8Array<ArrayBuffer>> {
    const { file, sha256 } = this.spec;
    if (this.have < this.spec.size) checkServed(this.base, file);
    let wrong = 0;
    for (let vain = 0; ; ) {
      const before = this.have;
      let problem: TabseekError;
      try {
        if (this.have < this.spec.size) await this.rest(wrong > 0);
        const actual = await sha256Of(this.data);
        if (actual === sha256) return this.data;
        problem = new TabseekError('bad_hash', `${file} is damaged: its SHA-256 is ${actual}`, { file, expected: sha256, actual });
      } catch (e) {
        if (this.signal.aborted) throw stopped();
        problem = e instanceof TabseekError ? e : new TabseekError('download_failed', `${file}: ${reason(e)}`, { file });
        if (problem.code === 'quota_exceeded') throw problem;
        vain = this.have - before < PROGRESS ? vain + 1 : 0;
      }
      if (problem.code === 'bad_hash') {
        wrong++;
        this.drop();
      }
      if (wrong === WRONG_TRIES || vain === TRIES) throw problem;
      await delay(250 * 2 ** Math.max(wrong, vain) * (0.5 + Math.random()), this.signal);
    }
  }

  /** Reads what is missing; an error that is no TabseekError says that the connection broke. */
  private async rest(past: boolean): Promise<void> {
    const { file, size } = this.spec;
    const headers: Record<string, string> = this.have > 0 ? { Range: `bytes=${this.have}-` } : {};
    const cache = this.keeper ? 'no-store' : past ? 'reload' : 'default'; // kept once; and wrong content is not asked of a cache again
    const watch = new Watch(this.signal);
    try {
      const response = await fetch(`${this.base}/${file}`, { headers, signal: watch.signal, cache });
      checkAnswer(this.spec, response);
      if (response.status === 200) this.drop(); // it sends all, whatever was asked for
      else if (!continues(response, this.have)) throw new TabseekError('bad_hash', `${file}: the server sent another part than was asked for`, { file });
      for await (const chunk of watch.chunks(response)) {
        if (this.have + chunk.length > size) throw new TabseekError('bad_hash', `${file} is longer than ${size} bytes`, { file });
        this.keeper?.write(chunk, this.have);
        this.data.set(chunk, this.have);
        this.have += chunk.length;
        this.onBytes(chunk.length, 'network');
      }
    } finally {
      watch.end();
    }
    if (this.have < size) throw new Error(`ended after ${this.have} of ${size} bytes`);
  }

  private drop(): void {
    if (this.have === 0) return;
    this.onBytes(-this.have, 'network');
    this.have = 0;
    this.keeper?.truncate(0);
  }
}

/** Refuses an answer that does not bring a shard. */
function checkAnswer({ file }: FileSpec, response: Response): void {
  if (response.status !== 200 && response.status !== 206) {
    throw new TabseekError('download_failed', `${file}: the server answered ${response.status}`, { file, status: response.status });
  }
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    throw new TabseekError('download_failed', `${file}: the server answered a web page, not model data`, { file });
  }
}

/** Tells whether a part begins where it was asked to. Other origins do not always say. */
function continues(response: Response, have: number): boolean {
  const range = response.headers.get('content-range');
  return range === null || range.startsWith(`bytes ${have}-`);
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

const reason = (e: unknown): string => (e instanceof Error ? e.message : 'network error');

const stopped = (): TabseekError => new TabseekError('aborted', 'loading was stopped');

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(stopped());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop);
  });
}

/** A SHA-256 in hexadecimal. */
export async function sha256Of(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', data)), (b) => b.toString(16).padStart(2, '0')).join('');
}
