// Where the files of a model come from: this device, where they lie since an earlier visit, and else the network. Each is
// verified before anybody gets it. The bytes go from here to the GPU and never into the guest.

import { TabseekError, type ModelFiles } from '../shared/messages';
import { isComplete, markComplete, markIncomplete, openFolder, useFile, type Folder, type StoredFile } from '../storage/shards';
import { Download, sha256Of, type FileSpec, type OnBytes } from './network';

/** Files worked on at a time. */
const PARALLEL = 4;

/** Brings a file, verified. */
export interface Source {
  /** `storedAs` is the name of the file on this device, where that is another. */
  file(spec: FileSpec & { storedAs?: string }, folder: Folder, signal: AbortSignal, onBytes: OnBytes): Promise<Uint8Array<ArrayBuffer>>;
}

/** The source of a model's files. Where the browser keeps nothing, all comes from the network each time. */
export async function openSource(base: string, files?: ModelFiles): Promise<Source> {
  const kept = await openFolder('shards').then(() => isComplete('shards', '')).then(() => true, () => false);
  if (files) return new Chosen(files, kept);
  return kept ? new Kept(base) : new Network(base);
}

class Network implements Source {
  constructor(private readonly base: string) {}

  file(spec: FileSpec, _folder: Folder, signal: AbortSignal, onBytes: OnBytes): Promise<Uint8Array<ArrayBuffer>> {
    return new Download(this.base, spec, signal, onBytes).whole();
  }
}

class Kept implements Source {
  constructor(private readonly base: string) {}

  file(spec: FileSpec & { storedAs?: string }, folder: Folder, signal: AbortSignal, onBytes: OnBytes): Promise<Uint8Array<ArrayBuffer>> {
    const name = spec.storedAs ?? spec.file;
    return useFile(folder, name, signal, async (file) => {
      const complete = await isComplete(folder, name);
      const kept = complete ? await whole(file, spec) : undefined;
      if (kept) return onBytes(spec.size, 'disk'), kept;
      if (complete) {
        await markIncomplete(folder, name);
        file.truncate(0);
      }
      const data = await this.fetch(spec, signal, onBytes, file).catch((e: unknown) => {
        if (complete && e instanceof TabseekError && e.code === 'download_failed') e.message = `${name} is damaged on this device, and cannot be fetched again: ${e.message}`;
        throw e;
      });
      await markComplete(folder, name, spec.size);
      return data;
    });
  }

  /** Goes on from what an earlier visit brought. */
  private async fetch(spec: FileSpec, signal: AbortSignal, onBytes: OnBytes, file: StoredFile): Promise<Uint8Array<ArrayBuffer>> {
    const download = new Download(this.base, spec, signal, onBytes, file);
    download.resume((into) => file.read(into), file.size);
    const data = await download.whole();
    file.flush();
    return data;
  }
}

/** Files that the user chose, verified like any others. They are kept as well, as far as there is room, so that the next visit has them. */
class Chosen implements Source {
  constructor(
    private readonly files: ModelFiles,
    private readonly keeps: boolean,
  ) {}

  async file(spec: FileSpec & { storedAs?: string }, folder: Folder, signal: AbortSignal, onBytes: OnBytes): Promise<Uint8Array<ArrayBuffer>> {
    const data = await this.read(spec);
    signal.throwIfAborted();
    if (this.keeps) await this.keep(spec.storedAs ?? spec.file, folder, data, signal).catch(() => {}); // it is there without
    onBytes(spec.size, 'disk');
    return data;
  }

  private async read({ file, size, sha256 }: FileSpec): Promise<Uint8Array<ArrayBuffer>> {
    const blob = this.files[file];
    if (!blob) throw new TabseekError('download_failed', `${file} is not among the files`, { file });
    if (blob.size !== size) throw new TabseekError('bad_hash', `${file} has ${blob.size} bytes, want ${size}`, { file });
    const data = new Uint8Array(await blob.arrayBuffer());
    const actual = await sha256Of(data);
    if (actual !== sha256) throw new TabseekError('bad_hash', `${file} is damaged: its SHA-256 is ${actual}`, { file, expected: sha256, actual });
    return data;
  }

  private async keep(name: string, folder: Folder, data: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    await useFile(folder, name, signal, async (file) => {
      if ((await isComplete(folder, name)) && file.size === data.length) return;
      file.truncate(0);
      file.write(data, 0);
      file.flush();
      await markComplete(folder, name, data.length);
    });
  }
}

/** What the file has, if that is what it ought to have. */
async function whole(file: StoredFile, spec: FileSpec): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (file.size !== spec.size) return undefined;
  const data = new Uint8Array(spec.size);
  return file.read(data) === spec.size && (await sha256Of(data)) === spec.sha256 ? data : undefined;
}

/** Brings all shards, a few at a time; `use` gets each once it is verified. */
export async function bringShards<T extends FileSpec>(
  source: Source,
  shards: T[],
  signal: AbortSignal,
  onBytes: OnBytes,
  use: (shard: T, data: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<void> {
  const failed = new AbortController(); // one that fails ends the others' connections
  const queue = [...shards];
  const worker = async () => {
    for (let shard = queue.shift(); shard; shard = queue.shift()) {
      const data = await source.file(shard, 'shards', AbortSignal.any([signal, failed.signal]), onBytes);
      await use(shard, data);
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL, shards.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (e) {
    failed.abort();
    await Promise.allSettled(workers);
    throw e;
  }
}
