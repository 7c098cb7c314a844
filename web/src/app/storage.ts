import { Store } from './store';

/** Whether the browser has promised to keep what lies on this device; undefined until it is known. */
export const persisted = new Store<boolean | undefined>(undefined);

let asked: Promise<void> | undefined;

/** Asks the browser, once, not to clear models and chats when the disk runs short. Some ask the user in turn, so nobody waits for it. */
export function askToPersist(): Promise<void> {
  return (asked ??= ask());
}

async function ask(): Promise<void> {
  try {
    persisted.value = await navigator.storage.persisted();
    if (!persisted.value) persisted.value = await navigator.storage.persist();
  } catch {
    // a browser that keeps nothing for sure
  }
}

/** What lies here, in bytes, of models, chats and the page together. */
export async function usage(): Promise<number | undefined> {
  try {
    persisted.value ??= await navigator.storage.persisted();
    return (await navigator.storage.estimate()).usage;
  } catch {
    return undefined;
  }
}
