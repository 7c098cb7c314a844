// Remembers which profile of the kernels won on a device, so that timing them is done once. What cannot be kept, in a
// private window for one, is found out again.

import { hex } from './weights';

const STORE = 'profiles';

/** The key of a choice: the device, the build of the engine, the model. */
export async function profileKey(device: string, build: string, manifest: Uint8Array): Promise<string> {
  const model = hex(await crypto.subtle.digest('SHA-256', manifest as Uint8Array<ArrayBuffer>));
  return [device, build, model].join('\n');
}

export async function rememberedProfile(key: string): Promise<string | undefined> {
  try {
    return await request('readonly', (store) => store.get(key));
  } catch {
    return undefined;
  }
}

export async function rememberProfile(key: string, profile: string): Promise<void> {
  try {
    await request('readwrite', (store) => store.put(profile, key));
  } catch {
    // found out again next time
  }
}

export async function forgetProfile(key: string): Promise<void> {
  try {
    await request('readwrite', (store) => store.delete(key));
  } catch {
    // it stays refused
  }
}

function request<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const open = indexedDB.open('tabseek', 1);
    open.onupgradeneeded = () => open.result.createObjectStore(STORE);
    open.onerror = () => reject(open.error);
    open.onsuccess = () => {
      const db = open.result;
      const answer = ask(db.transaction(STORE, mode).objectStore(STORE));
      answer.onsuccess = () => {
        db.close();
        resolve(answer.result);
      };
      answer.onerror = () => {
        db.close();
        reject(answer.error);
      };
    };
  });
}
