// A packed model's description, its tokenizer and the source of its shards: from this device where they lie on it, and
// else from the server. What lies here is used without asking the network.

import { TabseekError, type ModelFiles } from '../shared/messages';
import { keepRecord, modelRecord, sweep, type ModelRecord } from '../storage/models';
import { fetchFile, isLocal, sha256Of, type FileSpec } from './network';
import { openSource, type Source } from './weights';

interface Description {
  manifest: Uint8Array<ArrayBuffer>;
  sha256: string;
}

/** Held by who sweeps, and shared by those whose files are not to be swept yet. */
const SWEEP = 'tabseek sweep';

export class Model {
  private noted = () => {};
  private unswept: Promise<unknown> = Promise.resolve();

  private constructor(
    /** The address of its folder, without a slash at the end. */
    readonly url: string,
    readonly manifest: Uint8Array<ArrayBuffer>,
    /** Of model.json, in hexadecimal. */
    readonly sha256: string,
    readonly source: Source,
    /** What was known of it before; undefined if nothing was. */
    private readonly known: ModelRecord | undefined,
  ) {}

  /** With a `wanted` SHA-256 of model.json, another one that lies here is not used unless the server is out of reach. */
  static async open(url: string, wanted: string | undefined, signal: AbortSignal, files?: ModelFiles): Promise<Model> {
    const base = url.replace(/\/+$/, '');
    const [source, known] = await Promise.all([openSource(base, files), modelRecord(base).catch(() => undefined)]);
    const { manifest, sha256 } = files ? await chosen(files) : await describe(base, known, wanted, signal);
    return new Model(base, manifest, sha256, source, known);
  }

  /** From here until the model is noted (keep), no tab may sweep: its files are nobody's yet. */
  async tokenizer(signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    await new Promise<void>((begun) => {
      this.unswept = navigator.locks.request(SWEEP, { mode: 'shared' }, () => {
        begun();
        return new Promise<void>((done) => (this.noted = done));
      });
    });
    return this.source.file(this.tokenizerSpec(), 'tokenizers', signal, () => {});
  }

  private tokenizerSpec(): FileSpec & { storedAs: string } {
    const { file, size, sha256 } = parse(this.manifest)?.tokenizer ?? {};
    if (typeof file !== 'string' || !Number.isSafeInteger(size) || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
      throw new TabseekError('bad_model', 'model.json names no tokenizer');
    }
    return { file, size: size!, sha256, storedAs: `sha256-${sha256}.bin` };
  }

  /** Notes that the model is in use on this device, once the engine has found its description good. */
  async keep(shards: FileSpec[]): Promise<void> {
    const tokenizer = this.tokenizerSpec();
    const files: ModelRecord['files'] = [
      { folder: 'tokenizers', file: tokenizer.storedAs, size: tokenizer.size },
      ...shards.map(({ file, size }) => ({ folder: 'shards' as const, file, size })),
    ];
    const stale = this.known?.stale === true && this.known.sha256 === this.sha256;
    await keepRecord({ url: this.url, manifest: this.manifest, sha256: this.sha256, stale, files, used: Date.now() });
    this.noted();
    void this.unswept.then(() => navigator.locks.request(SWEEP, { ifAvailable: true }, async (lock) => lock && sweep())).catch(() => {});
  }

  /** Asks the server whether its model.json is another by now, which the next load is to fetch. */
  async checkAge(signal: AbortSignal): Promise<void> {
    if (this.known?.sha256 !== this.sha256 || isLocal(this.url)) return; // it has just been fetched, or never is
    const manifest = await fetchFile(this.url, 'model.json', signal).catch(() => undefined);
    if (!manifest || !parse(manifest) || (await sha256Of(manifest)) === this.sha256) return;
    const record = await modelRecord(this.url);
    if (record) await keepRecord({ ...record, stale: true });
  }
}

/** The description among files that the user chose. */
async function chosen(files: ModelFiles): Promise<Description> {
  const file = files['model.json'];
  if (!file) throw new TabseekError('bad_model', 'there is no model.json among the files');
  const manifest = new Uint8Array(await file.arrayBuffer());
  return { manifest, sha256: await sha256Of(manifest) };
}

async function describe(base: string, known: ModelRecord | undefined, wanted: string | undefined, signal: AbortSignal): Promise<Description> {
  if (known && !known.stale && (wanted ?? known.sha256) === known.sha256) return known;
  try {
    const manifest = await fetchFile(base, 'model.json', signal);
    if (known && !parse(manifest)) return known; // somebody else's answer: a login page, for one
    return { manifest, sha256: await sha256Of(manifest) };
  } catch (e) {
    if (known && e instanceof TabseekError && e.code === 'download_failed') return known;
    throw e;
  }
}

/** A description as far as the host reads it; undefined if it is none. */
function parse(manifest: Uint8Array<ArrayBuffer>): { tokenizer?: Partial<FileSpec> } | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(manifest));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
