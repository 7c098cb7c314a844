// Every kernel case in both browsers, by the page's own executor: commands as the guest sends them, results of the Go
// reference, guard words around every buffer. A case that needs a feature the browser has not is left out by name.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, openSync, readFileSync, readSync, closeSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { browsers, launch, root } from './support.mjs';

/**
 * Where each line of a file lies: its first byte and its last, and the kernel it is a case of. Some lines have tens of MB.
 */
function linesOf(file) {
  const lines = [];
  const chunk = Buffer.alloc(1 << 20);
  const head = Buffer.alloc(64);
  const f = openSync(file);
  for (let at = 0, start = 0, n; (n = readSync(f, chunk, 0, chunk.length, at)) > 0; at += n) {
    for (let i = chunk.indexOf(10); i >= 0 && i < n; i = chunk.indexOf(10, i + 1)) {
      readSync(f, head, 0, head.length, start);
      lines.push({ start, end: at + i - 1, kernel: String(head).match(/^{"name":"(\w+)/)[1] });
      start = at + i + 1;
    }
  }
  closeSync(f);
  return lines;
}

/**
 * Serves an empty page, the host's modules and the recorded cases, as many as there are lines in the file. WebGPU wants
 * localhost, and a page of the product would refuse the test's code.
 */
function serveHost(cases, lines) {
  const script = readFileSync(path.join(root, 'web/test/built/host.js'));
  const server = http.createServer(({ url }, response) => {
    const number = url.match(/^\/cases\/(\d+)$/)?.[1];
    if (number) return void createReadStream(cases, lines[number]).pipe(response);
    response.setHeader('content-type', url === '/host.js' ? 'text/javascript' : 'text/html');
    response.end(url === '/host.js' ? script : '<!doctype html><title>kernels</title>');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/**
 * Runs in a page, once: from then on it compiles a program once, however many cases run it, as compiling is most of a case's
 * time. For that they share a device, which is never destroyed: a page is for one kernel, so that its buffers go with it.
 */
function compileOnce() {
  const { requestDevice } = GPUAdapter.prototype;
  let device;
  GPUAdapter.prototype.requestDevice = function (...wanted) {
    return (device ??= requestDevice.apply(this, wanted));
  };
  GPUDevice.prototype.destroy = () => {};
  const { createShaderModule, createComputePipelineAsync } = GPUDevice.prototype;
  GPUDevice.prototype.createShaderModule = (descriptor) => descriptor;
  const pipelines = new Map();
  GPUDevice.prototype.createComputePipelineAsync = function ({ compute, ...rest }) {
    const { code } = compute.module;
    if (!pipelines.has(code)) {
      const module = createShaderModule.call(this, compute.module);
      pipelines.set(code, createComputePipelineAsync.call(this, { ...rest, compute: { ...compute, module } }));
    }
    return pipelines.get(code);
  };
}

/** Runs in the page: one case. Returns its name, and what is missing for it or wrong with it. */
async function run(number) {
  const { name, requires, frames, wants, tolerance } = await (await fetch(`/cases/${number}`)).json();
  const { decode, Gpu, mismatch } = await import('/host.js');
  const bytes = (base64) => {
    const text = atob(base64);
    const out = new Uint8Array(text.length);
    for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
    return out;
  };
  const gpu = await Gpu.open(() => {});
  try {
    const info = gpu.info();
    const has = { F16: info.shader_f16, Subgroups: info.subgroups, DP4A: info.dp4a };
    const missing = Object.keys(requires).filter((feature) => requires[feature] && !has[feature]);
    if (missing.length > 0) return { name, missing: missing.join(', ') };
    const all = decode(bytes(frames));
    await gpu.create(all);
    const { data } = await gpu.submit(all.find((f) => f.op === 'submit'));
    for (const [i, want] of wants.entries()) {
      const wrong = mismatch(data[i], bytes(want.data), want.exact, tolerance);
      if (wrong) return { name, wrong: `${want.name}: ${wrong}` };
    }
    return { name };
  } finally {
    gpu.close();
  }
}

describe('kernels', () => {
  let folder, lines, server;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'tabseek-kernels-'));
    const cases = path.join(folder, 'cases');
    execFileSync(path.join(root, 'bin/tabseek-headless'), ['selftest', '--record', cases]);
    lines = linesOf(cases);
    server = await serveHost(cases, lines);
  });
  after(() => {
    server?.close();
    if (folder) rmSync(folder, { recursive: true });
  });
  for (const name of Object.keys(browsers)) {
    test(`every kernel case in ${name}`, async (t) => {
      const browser = await launch(name);
      t.after(() => browser.close());
      const outcomes = [];
      for (const kernel of new Set(lines.map((l) => l.kernel))) {
        const page = await browser.newPage();
        await page.goto(`http://localhost:${server.address().port}`);
        await page.evaluate(compileOnce);
        const numbers = [...lines.keys()].filter((i) => lines[i].kernel === kernel).values();
        const turns = async () => { // two at once: one compiles while another runs
          for (const i of numbers) outcomes.push(await page.evaluate(run, i));
        };
        await Promise.all([turns(), turns()]);
        await page.close();
      }
      const left = outcomes.filter((o) => o.missing);
      for (const o of left) t.diagnostic(`left out: ${o.name}, for want of ${o.missing}`);
      t.diagnostic(`${outcomes.length - left.length} cases ran, ${left.length} were left out`);
      assert.deepEqual(outcomes.filter((o) => o.wrong).map((o) => `${o.name}: ${o.wrong}`), []);
      assert.equal(new Set(outcomes.map((o) => o.name)).size, lines.length, 'all cases, each by a name of its own');
      assert.ok(outcomes.length - left.length > 200);
    });
  }
});
