// Brings shards from the network: fetched, resumed where a connection broke, checked against their SHA-256, and only then
// handed on. The bytes go from here to the GPU and never into the guest.

import { TabseekError } from '../shared/messages';

/** Shards fetched at a time. */
const PARALLEL = 4;
const TRIES = 4;

export interface ShardSpec {
  file: string;
  size: number;
  sha256: string;
}

/** Fetches a small file whole. */
export async function fetchFile(base: string, name: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await get(base, name, {}, signal);
  if (response.status !== 200) throw new TabseekError('download_failed', `${name}: the server answered ${response.status}`, { file: name });
  return new Uint8Array(await response.arrayBuffer());
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
      const data = await fetchShard(base, shard, signal, onBytes);
      await use(shard, data);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, shards.length) }, worker));
}

/** One shard, verified. A broken connection goes on from the bytes that are here; wrong content starts over. */
async function fetchShard(base: string, shard: ShardSpec, signal: AbortSignal, onBytes: (n: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const data = new Uint8Array(shard.size);
  let have = 0;
  let problem: TabseekError | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) await delay(250 * 2 ** attempt * (0.5 + Math.random()), signal);
    try {
      have = await download(base, shard, data, have, signal, onBytes);
      const actual = hex(await crypto.subtle.digest('SHA-256', data));
      if (actual === shard.sha256) return data;
      problem = new TabseekError('bad_hash', `${shard.file} is damaged: its SHA-256 is ${actual}`, { file: shard.file, expected: shard.sha256, actual });
    } catch (e) {
      if (signal.aborted) throw new TabseekError('aborted', 'loading was stopped');
      if (e instanceof Partial) {
        have = e.have;
        problem = new TabseekError('download_failed', e.message, { file: shard.file });
        continue;
      }
      if (!(e instanceof TabseekError)) throw e;
      problem = e;
    }
    onBytes(-have);
    have = 0;
  }
  throw problem!;
}

/** A download that broke off after `have` bytes. */
class Partial extends Error {
  constructor(
    readonly have: number,
    reason: string,
  ) {
    super(reason);
  }
}

/** Reads the rest of a shard into data; returns the shard's size. */
async function download(base: string, shard: ShardSpec, data: Uint8Array, have: number, signal: AbortSignal, onBytes: (n: number) => void): Promise<number> {
  const headers: Record<string, string> = have > 0 ? { Range: `bytes=${have}-`, 'If-Range': `"${shard.sha256}"` } : {};
  let response: Response;
  try {
    response = await get(base, shard.file, headers, signal);
  } catch (e) {
    throw new Partial(have, reason(e));
  }
  if (response.status === 200 && have > 0) {
    onBytes(-have); // the server sends it all again
    have = 0;
  } else if (response.status !== 200 && response.status !== 206) {
    throw new TabseekError('download_failed', `${shard.file}: the server answered ${response.status}`, { file: shard.file, status: response.status });
  }
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    throw new TabseekError('download_failed', `${shard.file}: the server answered a web page, not model data`, { file: shard.file });
  }
  const reader = response.body!.getReader();
  for (;;) {
    let chunk;
    try {
      chunk = await reader.read();
    } catch (e) {
      throw new Partial(have, `${shard.file}: ${reason(e)}`);
    }
    if (chunk.done) break;
    if (have + chunk.value.length > shard.size) {
      throw new TabseekError('bad_hash', `${shard.file} is longer than ${shard.size} bytes`, { file: shard.file });
    }
    data.set(chunk.value, have);
    have += chunk.value.length;
    onBytes(chunk.value.length);
  }
  if (have < shard.size) throw new Partial(have, `${shard.file}: ended after ${have} of ${shard.size} bytes`);
  return have;
}

async function get(base: string, name: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(`${base}/${name}`, { headers, signal });
  } catch (e) {
    if (signal.aborted) throw new TabseekError('aborted', 'loading was stopped');
    throw new TabseekError('download_failed', `${name}: ${reason(e)}`, { file: name });
  }
}

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
