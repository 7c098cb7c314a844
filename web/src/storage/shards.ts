// Files of weights in the origin private file system: folders of files named by their content. A file that the journal
// lists was verified and is whole; any other is unfinished, whatever its size says. Only dedicated workers can open them.

import { TabseekError } from '../shared/messages';
import { ask } from './database';

// TypeScript declares these for workers alone, and its one configuration here is that of windows.
declare global {
  interface FileSystemSyncAccessHandle {
    read(into: ArrayBufferView, options?: { at?: number }): number;
    write(data: ArrayBufferView, options?: { at?: number }): number;
    truncate(size: number): void;
    getSize(): number;
    flush(): void;
    close(): void;
  }
  interface FileSystemFileHandle {
    createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
  }
}

/** Shards lie in the one, tokenizers in the other. */
export type Folder = 'shards' | 'tokenizers';
export const FOLDERS: Folder[] = ['shards', 'tokenizers'];

/** What a file leaves free when there is no more room, so that chats can still be saved. */
const RESERVE = 16 << 20;

/** A worker that was ended lets go of its files within moments; so often they are tried for. */
const LOCKED_TRIES = 40;
const LOCKED_MS = 50;

const journalKey = (folder: Folder, file: string): string => `${folder}/${file}`;

export const isComplete = async (folder: Folder, file: string): Promise<boolean> => (await ask('shards', 'readonly', (s) => s.getKey(journalKey(folder, file)))) !== undefined;

/** The files that are whole, `folder/file`, with their sizes. */
export async function completeFiles(): Promise<Map<string, number>> {
  const [keys, sizes] = await Promise.all([ask('shards', 'readonly', (s) => s.getAllKeys()), ask('shards', 'readonly', (s) => s.getAll())]);
  return new Map(keys.map((key, i) => [key as string, sizes[i] as number]));
}

export const markComplete = (folder: Folder, file: string, size: number): Promise<unknown> => ask('shards', 'readwrite', (s) => s.put(size, journalKey(folder, file)));

export const markIncomplete = (folder: Folder, file: string): Promise<unknown> => ask('shards', 'readwrite', (s) => s.delete(journalKey(folder, file)));

/** The folder, made if need be; throws where the browser keeps nothing, in some private windows for one. */
export const openFolder = async (folder: Folder): Promise<FileSystemDirectoryHandle> => (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });

/** Holds a file for one user at a time, in all tabs. With `ifFree`, nobody is waited for, and `use` hears whether it is free. */
export function lockFile<T>(folder: Folder, file: string, options: { signal?: AbortSignal; ifFree?: boolean }, use: (free: boolean) => Promise<T>): Promise<T> {
  const { signal, ifFree: ifAvailable = false } = options;
  return navigator.locks.request(`tabseek ${journalKey(folder, file)}`, ifAvailable ? { ifAvailable } : { signal }, (lock) => use(lock !== null));
}

/** Opens a file for `use`, when nobody else has it. */
export async function useFile<T>(folder: Folder, file: string, signal: AbortSignal, use: (f: StoredFile) => Promise<T>): Promise<T> {
  return lockFile(folder, file, { signal }, async () => {
    const handle = await (await openFolder(folder)).getFileHandle(file, { create: true });
    const access = await openHandle(handle);
    try {
      return await use(new StoredFile(file, access));
    } finally {
      access.close();
    }
  });
}

async function openHandle(handle: FileSystemFileHandle): Promise<FileSystemSyncAccessHandle> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await handle.createSyncAccessHandle();
    } catch (e) {
      const held = e instanceof DOMException && e.name === 'NoModificationAllowedError';
      if (!held || attempt === LOCKED_TRIES) throw e;
      await new Promise((resolve) => setTimeout(resolve, LOCKED_MS));
    }
  }
}

/** An open file. */
export class StoredFile {
  constructor(
    readonly name: string,
    private readonly access: FileSystemSyncAccessHandle,
  ) {}

  get size(): number {
    return this.access.getSize();
  }

  /** Fills the buffer from the file's beginning; the number of bytes that came. */
  read(into: Uint8Array<ArrayBuffer>): number {
    return this.access.read(into, { at: 0 });
  }

  /** Rejects with quota_exceeded when the browser gives this page no more room; it gives some back then. */
  write(data: Uint8Array<ArrayBuffer>, at: number): void {
    try {
      const written = this.access.write(data, { at });
      if (written === data.length) return;
    } catch (e) {
      if (!(e instanceof DOMException) || e.name !== 'QuotaExceededError') throw e;
    }
    this.access.truncate(Math.max(0, at - RESERVE));
    throw new TabseekError('quota_exceeded', `${this.name}: the browser gives this page no more room`, { file: this.name });
  }

  truncate(size: number): void {
    this.access.truncate(size);
  }

  flush(): void {
    this.access.flush();
  }
}
