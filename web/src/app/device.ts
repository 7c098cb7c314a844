// What this device can do, and what a model takes of it: known before the first byte of a model comes.

import { examineDevice, TabseekError, type DeviceFacts } from '../api/tabseek';
import type { Defaults } from '../shared/messages.gen';
import type { LocalOffer } from './catalogue';
import { recall, remember } from './kept';
import { Store } from './store';

/** Undefined until it is known, and where there is none. */
export const device = new Store<DeviceFacts | undefined>(undefined);

let asked: Promise<DeviceFacts> | undefined;

/** Examines the device, once a visit. Rejects with wrong_results if it cannot be relied on, and where there is none. */
export async function examine(): Promise<DeviceFacts> {
  asked ??= examineDevice().then((facts) => (device.value = facts));
  const facts = await asked.catch((e: unknown) => {
    asked = undefined; // there may be one later
    throw e;
  });
  if (facts.wrong.length === 0) return facts;
  asked = undefined; // a new driver may mend it
  throw new TabseekError('wrong_results', `${facts.name} computes wrong numbers: ${facts.wrong.join(', ')}`, { wrong: facts.wrong });
}

/** The engine's, each of a type that holds no other number. */
const DEFAULT_CONTEXT: Defaults['context'] = 4096;
const CACHE_BYTES: Defaults['cache_bytes'] = 67108864;
const SEQUENCES: Defaults['sequences'] = 16;
/** The smallest context that is offered. */
const LEAST_CONTEXT = 512;

/** The contexts that a model may be given: powers of two, and its own. */
export function contextsOf({ context }: LocalOffer): number[] {
  if (!context) return [];
  const list: number[] = [];
  for (let n = LEAST_CONTEXT; n < context; n *= 2) list.push(n);
  return [...list, context];
}

const KEY = 'tabseek.contexts';

function chosen(): Record<string, number> {
  try {
    return JSON.parse(recall(KEY) ?? '{}') as Record<string, number>;
  } catch {
    return {};
  }
}

/** What the user chose for a model; undefined leaves it to the engine. */
export const chosenContext = ({ url }: LocalOffer): number | undefined => {
  const n = chosen()[url];
  return Number.isSafeInteger(n) && n! > 0 ? n : undefined;
};

/** The context that a model is loaded with. */
export const contextOf = (offer: LocalOffer): number => chosenContext(offer) ?? Math.min(offer.context ?? DEFAULT_CONTEXT, DEFAULT_CONTEXT);

export const chooseContext = ({ url }: LocalOffer, context: number): void => remember(KEY, JSON.stringify({ ...chosen(), [url]: context }));

/** The next smaller context; undefined below the smallest. */
export function smallerContext(offer: LocalOffer): number | undefined {
  const now = contextOf(offer);
  return now > LEAST_CONTEXT ? Math.max(LEAST_CONTEXT, now >> 1) : undefined;
}

/** Bytes of GPU memory: the weights, and the cache as the engine lays it out; undefined where it is not known. */
export function memoryOf({ weight_bytes, kv_bytes_per_token }: LocalOffer, context: number): number | undefined {
  if (weight_bytes === undefined || kv_bytes_per_token === undefined) return undefined;
  const one = kv_bytes_per_token * context;
  return weight_bytes + Math.min(one + CACHE_BYTES, SEQUENCES * one);
}

/** Tokens a second at most, were reading the weights all that counts. */
export const speedOf = ({ bytes_per_token }: LocalOffer, { bytes_per_second }: DeviceFacts): number | undefined =>
  bytes_per_token && bytes_per_second > 0 ? bytes_per_second / bytes_per_token : undefined;

/** The bytes that would have to be bound at once, if they are more than the device can; undefined if it fits, or is not known. */
export function tooLarge({ largest_buffer = 0, kv_bytes_per_token = 0, layers = 1 }: LocalOffer, context: number, { max_binding }: DeviceFacts): number | undefined {
  const most = Math.max(largest_buffer, (kv_bytes_per_token / layers) * context);
  return most > max_binding ? most : undefined;
}
