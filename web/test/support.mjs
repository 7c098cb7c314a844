// What the browser tests share: the built server on a free port, and both browsers with WebGPU on a machine without a GPU.
import { createHash } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const description = readFileSync(path.join(root, 'web/dist/models/pocket/model.json'));
/** The description of the default model, with its own SHA-256. */
export const pocket = { ...JSON.parse(description), sha256: createHash('sha256').update(description).digest('hex') };

const screenshots = path.join(root, 'web/test/screenshots');

const which = (name) => execFileSync('sh', ['-c', `command -v ${name}`]).toString().trim();

/** Launch options: Chromium on SwiftShader, Firefox on lavapipe. */
export const browsers = {
  chromium: () => ({
    browser: 'chrome',
    executablePath: which('chromium'),
    args: [
      '--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', '--disable-quic',
      `--host-resolver-rules=MAP ${insecureName} 127.0.0.1`, '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  }),
  firefox: () => ({
    browser: 'firefox',
    executablePath: which('firefox-esr'),
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true, 'gfx.webgpu.force-enabled': true, 'network.dns.localDomains': insecureName,
      // Tests have several tabs at work, of which only one is in front.
      'dom.min_background_timeout_value': 4, 'dom.min_background_timeout_value_without_budget_throttling': 4, 'dom.timeout.enable_budget_timer_throttling': false },
  }),
};

/** A name of this machine by which a page is not secure. */
export const insecureName = 'insecure.test';

export const launch = (name, options = {}) => puppeteer.launch({ ...browsers[name](), headless: true, protocolTimeout: 300_000, ...options });

/** The folders of golden checkpoints: the repository's, and larger ones that may lie beside it (engine/enginetest/need). */
export const goldens = {
  'tiny-v3': path.join(root, 'testdata/goldens/tiny-v3'),
  ...Object.fromEntries(['dense-mla', 'qwen2-distill', 'v2-lite', 'v3-fp8-mtp'].map((name) => [name, path.resolve(root, '../shared/fixtures', name)])),
};

/** The options of a test that needs something: skipped without, with a word, or failed where TABSEEK_NEED lists it. */
export function needs(thing, there) {
  if (there) return {};
  if ((process.env.TABSEEK_NEED ?? '').split(/\s+/).includes(thing)) throw new Error(`needs ${thing}, which TABSEEK_NEED promises`);
  return { skip: `needs ${thing}` };
}

/** A golden checkpoint and its numbers. */
export function readGolden(name) {
  const folder = goldens[name];
  const floats = (file) => {
    if (!existsSync(path.join(folder, file))) return undefined;
    const bytes = readFileSync(path.join(folder, file));
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  };
  const config = JSON.parse(readFileSync(path.join(folder, 'config.json')));
  // Python writes an unlimited margin as Infinity, which is not JSON.
  const golden = JSON.parse(readFileSync(path.join(folder, 'golden.json'), 'utf8').replaceAll('Infinity', '0'));
  return { name, folder, vocab: config.vocab_size, eos: config.eos_token_id, ...golden, logits: floats('logits.f32'), draft: floats('draft.f32') };
}

/** A temporary folder of packed checkpoints, and how to remove it. */
export function packGoldens(list) {
  const folder = mkdtempSync(path.join(tmpdir(), 'tabseek-models-'));
  for (const f of list) execFileSync(path.join(root, 'bin/tabseek'), ['pack', f.folder, path.join(folder, f.name), '--quant', 'keep']);
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** A profile of kernels that is good enough: measuring which are the fastest is most of a first visit, and most tests are first visits. */
export const profile = 'f32 lanes=1 rows=8 norm-first';

/** Starts `tabseek serve` on a free port; resolves to its address. Pages measure only where it is told --profile ''. */
export async function serve(...args) {
  const server = spawn(path.join(root, 'bin/tabseek'), ['serve', '--addr', '127.0.0.1:0', '--profile', profile, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: server.stdout })) {
    const address = line.match(/http:\/\/\S+/)?.[0];
    if (address) return { address, stop: () => server.kill() };
  }
  throw new Error('tabseek serve ended without an address');
}

/** Goes before the worker's script: mishaps that a test can call for, by a message on the channel of that name. */
const mishaps = `{
  let device;
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) { return (device = await requestDevice.apply(this, args)); };
  let trapped = false;
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (...args) => {
    const { exports } = await instantiate(...args);
    const handle = (...message) => {
      if (trapped) throw new WebAssembly.RuntimeError('unreachable');
      return exports.tabseek_handle(...message);
    };
    return { exports: { ...exports, tabseek_handle: handle } };
  };
  const doom = () => {
    const wait = self.setTimeout;
    self.setTimeout = (f, ms) => wait(f, ms === 5000 ? 10 : ms); // between tries for another device
    GPU.prototype.requestAdapter = async () => null;
    device.destroy();
  };
  const happen = {
    doom,
    end: () => self.close(), fail: () => { throw new Error('out of order'); }, lose: () => device.destroy(), trap: () => (trapped = true),
  };
  new BroadcastChannel('mishaps').onmessage = (e) => happen[e.data]();
}\n`;

/** What the worker is called, in any build. */
export const workerScript = /^\/worker-\w+\.js$/;

/**
 * A server before the server, whose workers have mishaps. `hold` makes requests of names that match wait until it is
 * called without; `more.prelude` is script that goes before the workers'; `replaced` has other contents for paths that match, with their type if it matters.
 */
export async function instrument(address) {
  const replaced = new Map();
  const more = { prelude: '' };
  let held;
  let release = () => {};
  let free = Promise.resolve();
  const proxy = createServer(async ({ url, headers }, response) => {
    if (held?.test(url)) await free;
    const instead = [...replaced].find(([path]) => (path instanceof RegExp ? path.test(url) : path === url))?.[1];
    if (instead?.type) response.setHeader('content-type', instead.type);
    if (instead !== undefined) return void response.end(instead.body ?? instead);
    const answer = await fetch(address + url, { headers: { range: headers.range ?? '' } });
    const head = Object.fromEntries([...answer.headers].filter(([key]) => key !== 'content-length' && key !== 'content-encoding'));
    if (workerScript.test(url)) head['cache-control'] = 'no-store'; // or a browser has it from before
    response.writeHead(answer.status, head);
    if (workerScript.test(url)) response.write(`if (self.GPUAdapter) ${mishaps}${more.prelude}\n`);
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const hold = (pattern) => {
    release();
    held = pattern;
    free = new Promise((resolve) => (release = resolve));
  };
  return { port: proxy.address().port, address: `http://127.0.0.1:${proxy.address().port}`, hold, replaced, more, stop: () => proxy.close() };
}

/** Keeps a picture of the page for somebody to look at. */
export async function screenshot(page, name) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
}
