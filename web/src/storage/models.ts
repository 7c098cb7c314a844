// Which models lie on this device, wholly or in part.

import { TabseekError } from '../shared/messages';
import { ask } from './database';
import { completeFiles, FOLDERS, lockFile, markIncomplete, openFolder, type Folder } from './shards';

/** What is kept of a model beside its files. */
export interface ModelRecord {
  /** The address of its folder, without a slash at the end. */
  url: string;
  /** model.json. */
  manifest: Uint8Array<ArrayBuffer>;
  sha256: string;
  /** The server has another model.json by now, which the next load asks for. */
  stale: boolean;
  files: { folder: Folder; file: string; size: number }[];
  /** When it was last loaded, in milliseconds since 1970. */
  used: number;
}

/** A model that lies on this device. */
export interface StoredModel {
  url: string;
  name: string;
  /** Bytes of the whole model. */
  size: number;
  /** Bytes that lie here and are whole. */
  stored: number;
  /** Bytes that deleting it would free: what no other model shares. */
  own: number;
  /** When it was last loaded. */
  used: Date;
}

export const modelRecord = (url: string): Promise<ModelRecord | undefined> => ask('models', 'readonly', (s) => s.get(url));

export const keepRecord = (record: ModelRecord): Promise<unknown> => ask('models', 'readwrite', (s) => s.put(record, record.url));

const records = (): Promise<ModelRecord[]> => ask('models', 'readonly', (s) => s.getAll());

const keyOf = ({ folder, file }: { folder: Folder; file: string }): string => `${folder}/${file}`;

/** The models that lie on this device, the last used first. */
export async function storedModels(): Promise<StoredModel[]> {
  const [all, complete] = await Promise.all([records(), completeFiles()]);
  const users = new Map<string, number>();
  for (const f of all.flatMap((r) => r.files)) users.set(keyOf(f), (users.get(keyOf(f)) ?? 0) + 1);
  const sum = (files: ModelRecord['files']): number => files.reduce((n, f) => n + f.size, 0);
  return all
    .sort((a, b) => b.used - a.used)
    .map(({ url, files, used }) => {
      const whole = files.filter((f) => complete.has(keyOf(f)));
      return {
        url,
        name: decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)),
        size: sum(files),
        stored: sum(whole),
        own: sum(whole.filter((f) => users.get(keyOf(f)) === 1)),
        used: new Date(used),
      };
    });
}

/** Deletes what lies here of a model, but for files that other models share. Rejects with bad_request while some tab fetches it. */
export async function deleteModel(url: string): Promise<void> {
  const record = await modelRecord(url);
  if (!record) return;
  const others = new Set((await records()).filter((r) => r.url !== url).flatMap((r) => r.files.map(keyOf)));
  for (const { folder, file } of record.files.filter((f) => !others.has(keyOf(f)))) {
    if (!(await removeFile(folder, file))) throw new TabseekError('bad_request', `${file} is in use: another tab loads this model`, { file });
  }
  await ask('models', 'readwrite', (s) => s.delete(url));
}

/** Removes what no model wants, and from the journal what has no file: the page may have ended between any two steps. */
export async function sweep(): Promise<void> {
  const wanted = new Set((await records()).flatMap((r) => r.files.map(keyOf)));
  const there = new Set<string>();
  for (const folder of FOLDERS) {
    for await (const file of (await openFolder(folder)).keys()) {
      if (wanted.has(keyOf({ folder, file }))) there.add(keyOf({ folder, file }));
      else await removeFile(folder, file);
    }
  }
  for (const key of (await completeFiles()).keys()) {
    const [folder, file] = key.split('/') as [Folder, string];
    if (!there.has(key)) await markIncomplete(folder, file);
  }
}

/** Tells whether it is gone: a file that somebody holds stays. */
function removeFile(folder: Folder, file: string): Promise<boolean> {
  return lockFile(folder, file, { ifFree: true }, async (free) => {
    if (!free) return false;
    await markIncomplete(folder, file);
    const directory = await openFolder(folder);
    await directory.removeEntry(file).catch((e: unknown) => {
      if (!(e instanceof DOMException) || e.name !== 'NotFoundError') throw e;
    });
    return true;
  });
}
