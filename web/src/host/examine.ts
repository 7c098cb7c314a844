// Examines the device, before anything is downloaded for it: a known answer of each kind of kernel (wasm/preflight), and how
// fast it reads. What came of it is remembered for the device and this build.

import { TabseekError, type DeviceFacts } from '../shared/messages';
import { decode, type SubmitCommand } from './abi';
import { Gpu } from './gpu';
import { mismatch } from './mismatch';
import { rememberedProfile, rememberProfile } from './profiles';

/** What the file of known answers is called in this build (web/build). */
declare const PREFLIGHT_URL: string;

/** What must come of the submit of the same number. */
interface Answer {
  family: string;
  /** The kernel's, and the case's. */
  name: string;
  tolerance: number;
  wants: { name: string; exact: boolean; data: string }[];
}

interface Examination {
  /** What is to be created, and the submits, the last of them a streaming read. */
  frames: string;
  answers: Answer[];
  read_bytes: number;
}

/** Nanoseconds that are measured well enough, and most reads in a row for it. */
const LONG = 20e6;
const MOST_READS = 256;
/** A first read that took so long needs no second one: what a first one costs beside is little then. */
const SLOW = 200e6;

export async function examine(): Promise<DeviceFacts> {
  let lost: TabseekError | undefined;
  const gpu = await Gpu.open((e) => (lost ??= e));
  try {
    const key = `examined\n${gpu.name}\n${gpu.maxBinding}\n${PREFLIGHT_URL}`;
    const known = await rememberedProfile(key);
    if (known) return JSON.parse(known) as DeviceFacts;
    const { frames: encoded, answers, read_bytes } = await fetchExamination();
    const frames = decode(bytesOf(encoded));
    const submits = frames.filter((f): f is SubmitCommand => f.op === 'submit');
    let wrong: string[] = [];
    const failed = await gpu.create(frames).then(() => undefined, (e: unknown) => {
      if (e instanceof TabseekError && e.code === 'out_of_memory') throw e; // which says nothing of its arithmetic
      return e instanceof Error ? e.message : String(e);
    });
    for (const [i, a] of answers.entries()) {
      // One that does not compile is not right, either; where none can be told, none is.
      const right = failed === undefined && matchesAll((await gpu.submit(submits[i]!)).data, a);
      if (!right && (failed === undefined || blames(failed, answers, a))) wrong.push(a.family);
    }
    if (lost) throw lost;
    wrong = [...new Set(wrong)];
    const facts: DeviceFacts = { name: gpu.name, max_binding: gpu.maxBinding, wrong, bytes_per_second: wrong.length > 0 ? 0 : await speedOf(gpu, submits.at(-1)!, read_bytes) };
    if (wrong.length === 0) await rememberProfile(key, JSON.stringify(facts)); // a new driver may mend what was wrong
    return facts;
  } finally {
    gpu.close();
  }
}

/** Whether a failure to create the kernels is about this one, or about none by name. */
function blames(failure: string, answers: Answer[], { name }: Answer): boolean {
  const named = answers.filter((a) => failure.includes(`kernel ${kernelOf(a.name)} `));
  return named.length === 0 || named.some((a) => a.name === name);
}

const kernelOf = (name: string): string => name.slice(0, name.indexOf('/'));

async function fetchExamination(): Promise<Examination> {
  try {
    const response = await fetch(new URL(PREFLIGHT_URL, import.meta.url));
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return (await response.json()) as Examination;
  } catch (e) {
    throw new TabseekError('download_failed', `${PREFLIGHT_URL}: ${e instanceof Error ? e.message : String(e)}`);
  }
}

const matchesAll = (data: Uint8Array[], { wants, tolerance }: Answer): boolean => wants.every((want, i) => mismatch(data[i]!, bytesOf(want.data), want.exact, tolerance) === undefined);

/** Bytes a second of a streaming read: as many in a row as can be timed. */
async function speedOf(gpu: Gpu, submit: SubmitCommand, bytes: number): Promise<number> {
  for (let times = 1; ; times *= 2) {
    const { nanoseconds } = await gpu.submit({ ...submit, replays: submit.replays.map((r) => ({ ...r, times })) });
    const enough = nanoseconds >= (times > 1 ? LONG : SLOW) || times >= MOST_READS;
    if (enough) return (1e9 * bytes * times) / Math.max(nanoseconds, 1);
  }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}
