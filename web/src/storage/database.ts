// What is kept beside the files: a few records in IndexedDB. Chats have a database of their own (src/app).

const NAME = 'tabseek';
const VERSION = 2;

/**
 * - profiles: which profile of the kernels won, by device, build and model (host/profiles.ts)
 * - shards: the journal, size by file name: what is listed here was verified and is whole (shards.ts)
 * - models: what is known of each model that lies here, wholly or in part, by its address (models.ts)
 */
const STORES = ['profiles', 'shards', 'models'] as const;

export type StoreName = (typeof STORES)[number];

/** Asks one thing in a transaction of its own; resolves when that is done. */
export async function ask<T>(store: StoreName, mode: IDBTransactionMode, question: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = db.transaction(store, mode);
      const request = question(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'));
    });
  } finally {
    db.close(); // a connection that stays open would keep a later version of the page from its own
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const name of STORES) {
        if (!request.result.objectStoreNames.contains(name)) request.result.createObjectStore(name);
      }
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => resolve(request.result);
  });
}
