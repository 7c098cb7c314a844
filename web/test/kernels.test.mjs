// Every kernel case in both browsers, by the page's own executor: commands as the guest sends them, results of the Go
// reference, guard words around every buffer.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { browsers, launch, root } from './support.mjs';

/** Lines above this size are benchmarks: too much to carry into a page by the hundred. */
const MOST = 4e6;

/** Serves an empty page and the host's modules: WebGPU wants localhost, and a page of the product would refuse the test's code. */
function serveHost() {
  const script = readFileSync(path.join(root, 'web/test/built/host.js'));
  const server = http.createServer((request, response) => {
    const isScript = request.url === '/host.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><title>kernels</title>');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Runs in the page: one case; returns what is wrong with it, or nothing. */
async function run({ frames, wants, tolerance }) {
  const { decode, Gpu } = await import('/host.js');
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const all = decode(bytes(frames));
  const gpu = await Gpu.open(() => {});
  try {
    await gpu.create(all);
    const { data } = await gpu.submit(all.find((f) => f.op === 'submit'));
    for (const [i, want] of wants.entries()) {
      const expected = bytes(want.data).buffer;
      const [got, wanted] = [new Uint32Array(data[i].buffer), new Uint32Array(expected)];
      const [gotFloats, wantedFloats] = [new Float32Array(data[i].buffer), new Float32Array(expected)];
      for (let i = 0; i < wanted.length; i++) {
        if (got[i] === wanted[i]) continue;
        const error = Math.abs(gotFloats[i] - wantedFloats[i]) / (1 + Math.abs(wantedFloats[i]));
        const guarded = wanted[i] === 0xdeadbeef;
        if (want.exact || guarded || !(error <= tolerance)) {
          return `${want.name}: word ${i} is ${got[i]} (${gotFloats[i]}), want ${wanted[i]} (${wantedFloats[i]})`;
        }
      }
    }
  } finally {
    gpu.close();
  }
}

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let folder, server, browser, page;
    before(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'tabseek-kernels-'));
      execFileSync(path.join(root, 'bin/tabseek-headless'), ['selftest', '--record', path.join(folder, 'cases')]);
      server = await serveHost();
      browser = await launch(name);
      page = await browser.newPage();
      await page.goto(`http://localhost:${server.address().port}`);
    });
    after(async () => {
      await browser?.close();
      server?.close();
      if (folder) rmSync(folder, { recursive: true });
    });
    test('every kernel case', async () => {
      const wrong = [];
      let count = 0;
      for await (const line of createInterface({ input: createReadStream(path.join(folder, 'cases')) })) {
        if (line.length > MOST) continue;
        const recorded = JSON.parse(line);
        const problem = await page.evaluate(run, recorded);
        count++;
        if (problem) wrong.push(`${recorded.name}: ${problem}`);
      }
      assert.ok(count > 100);
      assert.deepEqual(wrong, []);
    });
  });
}
