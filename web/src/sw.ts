// The service worker: keeps the shell, which is everything but models and chats, so that the page opens without a network. A
// shell is kept whole and verified or not at all, and is replaced as one, when the page says so.

/** Paths of this build with the SHA-256 of what is there (web/build). */
declare const SHELL: Record<string, string>;

/** What TypeScript declares for service workers only. */
interface Waiting extends Event {
  waitUntil(promise: Promise<unknown>): void;
}
interface Fetching extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  addEventListener(type: 'install' | 'activate', listener: (e: Waiting) => void): void;
  addEventListener(type: 'fetch', listener: (e: Fetching) => void): void;
  addEventListener(type: 'message', listener: (e: MessageEvent) => void): void;
}
const scope = self as unknown as Scope;

const PREFIX = 'tabseek-shell-';
/** Pages name all files but this one, and the API, by their content; so these tell builds apart. */
const CACHE = PREFIX + ['/', '/bench.html', '/tabseek.js'].map((path) => SHELL[path]!.slice(0, 16)).join('-');

scope.addEventListener('install', (e) => e.waitUntil(keep()));
scope.addEventListener('activate', (e) => e.waitUntil(takeOver()));
scope.addEventListener('message', (e) => {
  if (e.data === 'take over') void scope.skipWaiting(); // asked by a page when nothing runs (app/shell.ts)
});
scope.addEventListener('fetch', (e) => {
  const { method, url } = e.request;
  const { origin, pathname } = new URL(url);
  if (method === 'GET' && origin === self.location.origin && pathname in SHELL) e.respondWith(answer(pathname, e.request));
});

async function keep(): Promise<void> {
  const before = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  const cache = await caches.open(CACHE);
  try {
    await Promise.all(Object.entries(SHELL).map(([path, sha256]) => keepFile(cache, path, sha256)));
  } catch (e) {
    if (!before.includes(CACHE)) await caches.delete(CACHE);
    throw e;
  }
}

/** Fails if the server has something else by now: then it has another service worker, too. */
async function keepFile(cache: Cache, path: string, sha256: string): Promise<void> {
  const response = await fetch(path, { cache: 'no-cache' });
  const body = await response.arrayBuffer();
  const actual = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', body)), (b) => b.toString(16).padStart(2, '0')).join('');
  if (!response.ok || actual !== sha256) throw new Error(`${path} is not of this build`);
  const headers = new Headers(response.headers);
  headers.delete('content-encoding'); // the body is not encoded any more
  headers.delete('content-length');
  await cache.put(path, new Response(body, { headers }));
}

async function takeOver(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await scope.clients.claim();
}

async function answer(path: string, request: Request): Promise<Response> {
  return (await (await caches.open(CACHE)).match(path)) ?? fetch(request);
}
