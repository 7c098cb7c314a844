// What the browser tests share: the built server on a free port, and both browsers with WebGPU on a machine without a GPU.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const fixtures = path.resolve(root, '../shared/fixtures');
const screenshots = path.join(root, 'web/test/screenshots');

const which = (name) => execFileSync('sh', ['-c', `command -v ${name}`]).toString().trim();

/** Launch options: Chromium on SwiftShader, Firefox on lavapipe. */
export const browsers = {
  chromium: () => ({
    browser: 'chrome',
    executablePath: which('chromium'),
    args: [
      '--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', '--disable-quic',
      '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  }),
  firefox: () => ({
    browser: 'firefox',
    executablePath: which('firefox-esr'),
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true, 'gfx.webgpu.force-enabled': true },
  }),
};

export const launch = (name) => puppeteer.launch({ ...browsers[name](), headless: true, protocolTimeout: 300_000 });

/** A golden checkpoint, or undefined where it is not there. */
export function fixture(name) {
  const folder = path.join(fixtures, name);
  if (!existsSync(folder)) return undefined;
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

/** A temporary folder of packed fixtures, and how to remove it. */
export function packFixtures(list) {
  const folder = mkdtempSync(path.join(tmpdir(), 'tabseek-models-'));
  for (const f of list) execFileSync(path.join(root, 'bin/tabseek'), ['pack', f.folder, path.join(folder, f.name), '--quant', 'keep']);
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** Starts `tabseek serve` on a free port; resolves to its address. */
export async function serve(...args) {
  const server = spawn(path.join(root, 'bin/tabseek'), ['serve', '--addr', '127.0.0.1:0', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: server.stdout })) {
    const address = line.match(/http:\/\/\S+/)?.[0];
    if (address) return { address, stop: () => server.kill() };
  }
  throw new Error('tabseek serve ended without an address');
}

/** Keeps a picture of the page for somebody to look at. */
export async function screenshot(page, name) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
}
