// Makes a model of what the user brings: files that were chosen or dropped, or an address. It comes when somebody does.

import { TabseekError } from '../api/tabseek';
import type { LocalOffer } from './catalogue';
import { t } from './language';
import { files, keepOwn } from './own';

const DESCRIPTION = 'model.json';

/** The model of files that were chosen or dropped; undefined if they are none. */
export async function offerOfFiles(list: Iterable<File>): Promise<LocalOffer | undefined> {
  const byName = Object.fromEntries([...list].map((f) => [f.name, f]));
  const description = byName[DESCRIPTION];
  if (!description) return undefined;
  const offer = offerOf(await description.text(), (name) => `local:/${encodeURIComponent(name)}`);
  files.set(offer.url, byName);
  return keepOwn(offer);
}

/** The model at an address of this origin: the page may ask no other. */
export async function offerOfAddress(text: string): Promise<LocalOffer> {
  const address = addressOf(text);
  const base = address.href.replace(/\/(model\.json)?$/, '');
  let response: Response;
  try {
    response = await fetch(`${base}/${DESCRIPTION}`);
  } catch (e) {
    throw new TabseekError('download_failed', `${base}/${DESCRIPTION}: ${e instanceof Error ? e.message : String(e)}`);
  }
  if (!response.ok) throw new TabseekError('download_failed', `${base}/${DESCRIPTION}: the server answered ${response.status}`);
  return keepOwn(offerOf(await response.text(), () => base));
}

function addressOf(text: string): URL {
  let address: URL;
  try {
    address = new URL(text, location.href);
  } catch {
    throw new TabseekError('bad_request', t('ownNoAddress'));
  }
  if (address.origin !== location.origin) throw new TabseekError('bad_request', t('ownElsewhere', { origin: location.origin }));
  return address;
}

/** What a model.json tells before it is loaded, which checks it. */
function offerOf(json: string, urlOf: (name: string) => string): LocalOffer {
  try {
    const { format, source, shards, tokenizer, architecture } = JSON.parse(json);
    if (format !== 'tabseek-model') throw new Error('it describes no packed model');
    const name = String(source.name);
    const sizes: number[] = [tokenizer, ...shards].map(({ size }) => size);
    const size = sizes.reduce((sum, n) => sum + n, 0);
    if (!Number.isSafeInteger(size)) throw new Error('its files have no sizes');
    return { name, url: urlOf(name), size, family: textOf(architecture?.model_type), license: textOf(source.license) };
  } catch (e) {
    throw new TabseekError('bad_model', `${DESCRIPTION}: ${e instanceof Error ? e.message : String(e)}`);
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** All files of what was dropped, those in folders too. */
export const filesOfAll = async (entries: FileSystemEntry[]): Promise<File[]> => (await Promise.all(entries.map(filesIn))).flat();

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.filter((e) => e.isFile).map(filesIn))).flat());
  }
}
