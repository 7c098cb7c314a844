// Requests as JSON. JavaScript drops what JSON has no word for, and so a parameter would be ignored in silence; here it is
// refused by name.

import { TabseekError } from '../shared/messages';
import { MAX_REQUEST_BYTES } from '../shared/messages.gen';

/** Longer addresses are nobody's. */
const MAX_URL = 8192;

export const refuse = (param: string, message: string): TabseekError => new TabseekError('bad_request', `${param} ${message}`, { param });

/** The value's JSON. Rejects what is not JSON and what is longer than the engine reads. */
export function encode(value: object): string {
  let size = 0; // of what is certain: long before the text is made, an endless one is known
  let prompt = true; // parameters come after it
  // JSON.stringify makes `this` the object, whose own value it may have turned into another.
  function check(this: Record<string, unknown>, key: string, v: unknown): unknown {
    if (v === null && this[key] !== null) throw refuse(key, `is ${show(this[key])}, which JSON does not have`); // an invalid Date
    if (typeof v === 'number' && !Number.isFinite(v)) throw refuse(key, `is ${v}, must be a finite number`);
    if (typeof v === 'bigint' || typeof v === 'function' || typeof v === 'symbol') throw refuse(key, `is a ${typeof v}, which JSON does not have`);
    size += typeof v === 'string' || Array.isArray(v) ? v.length : 1;
    prompt &&= key !== 'params';
    if (size > MAX_REQUEST_BYTES) throw tooLong(prompt);
    return v;
  }
  let text: string;
  try {
    text = JSON.stringify(value, check);
  } catch (e) {
    if (e instanceof TabseekError) throw e;
    throw new TabseekError('bad_request', `the request is not JSON: ${firstLine(e)}`); // a cycle, or a getter that throws
  }
  if (text.length > MAX_REQUEST_BYTES) throw tooLong(true);
  return text;
}

/** A prompt that long fits no context. */
const tooLong = (prompt: boolean): TabseekError =>
  new TabseekError(prompt ? 'context_full' : 'bad_request', `the ${prompt ? 'prompt' : 'request'} has more than ${MAX_REQUEST_BYTES} bytes`);

const firstLine = (e: unknown): string => (e instanceof Error ? e.message : 'it throws').split('\n')[0]!;

/** The fields of options or of a request, read once. */
export function fieldsOf<T extends object>(name: string, value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(name, `is ${show(value)}, must be an object`);
  try {
    return { ...value };
  } catch (e) {
    throw refuse(name, `cannot be read: ${firstLine(e)}`);
  }
}

export function checkCallback(name: string, value: unknown): void {
  if (value !== undefined && value !== null && typeof value !== 'function') throw refuse(name, `is ${show(value)}, must be a function`);
}

export function checkSignal(value: unknown): void {
  if (value !== undefined && value !== null && !(value instanceof AbortSignal)) throw refuse('signal', `is ${show(value)}, must be an AbortSignal`);
}

export function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string') throw refuse(name, `is ${show(value)}, must be text`);
}

/** An address, relative to the page's. */
export function checkURL(name: string, value: unknown): string {
  if (value instanceof URL) return value.href;
  if (typeof value !== 'string') throw refuse(name, `is ${show(value)}, must be text`);
  if (value.length > MAX_URL) throw refuse(name, `has ${value.length} characters, must have at most ${MAX_URL}`);
  try {
    return new URL(value, globalThis.document?.baseURI).href;
  } catch {
    throw refuse(name, `is ${show(value)}, which is no address`);
  }
}

/** A value in a few words. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : String(value);
}
