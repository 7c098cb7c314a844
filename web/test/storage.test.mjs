// What lies on this device: models are kept, verified, resumed and mended, and asked of no server twice. In both browsers,
// against the real server behind one that spoils its answers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { faulty } from './faulty.mjs';
import { browsers, launch, pocket, root, serve } from './support.mjs';

const shard = pocket.shards[0];

/**
 * Runs in the page: loads the model until all its weights are on the GPU, and tells how that went; what follows, compiling
 * kernels, is no part of these tests.
 */
async function load({ model = 'pocket', ...options } = {}) {
  const { load } = await import('/tabseek.js');
  const phases = new Set();
  const enough = new AbortController();
  let first; // how much of the weights there was when the first of them were told of
  const onProgress = (p) => {
    phases.add(p.phase);
    if (p.total > 0) first ??= p.loaded / p.total;
    if (p.phase === 'compile' && p.total > 0) enough.abort();
  };
  try {
    await load(`/models/${model}`, { ...options, profile: 'f32 lanes=8 rows=1', onProgress, signal: enough.signal });
  } catch (e) {
    if (!enough.signal.aborted) return { code: e.code, message: e.message, fields: e.fields };
  }
  return { phases: [...phases], first };
}

/** Runs in the page: the files under shards/, with their sizes. */
async function listing() {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('shards');
  const files = {};
  for await (const [name, handle] of folder.entries()) files[name] = (await handle.getFile()).size;
  return files;
}

/** Runs in the page: does something to a file under shards/. */
async function damage(name, how) {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('shards');
  if (how === 'delete') return folder.removeEntry(name);
  const handle = await folder.getFileHandle(name);
  const writable = await handle.createWritable({ keepExistingData: true });
  if (how === 'truncate') await writable.truncate((await handle.getFile()).size >> 1);
  else await writable.write({ type: 'write', position: 1000, data: new Uint8Array([how]) });
  await writable.close();
}

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let models, server, proxy, browser, page;
    before(async () => {
      models = mkdtempSync(path.join(tmpdir(), 'tabseek-models-'));
      cpSync(path.join(root, 'web/dist/models/pocket'), path.join(models, 'twin'), { recursive: true });
      execFileSync(path.join(root, 'bin/tabseek'), ['pack', path.join(root, 'testdata/pocket/hf'), path.join(models, 'other'), '--quant', 'q4']);
      server = await serve('--models', models);
      proxy = await faulty(server.address);
      browser = await launch(name);
      page = await open();
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
      rmSync(models, { recursive: true });
    });
    const open = async () => {
      const page = await browser.newPage();
      await page.goto(`${proxy.address}/healthz`); // a page of the origin, without the chat
      return page;
    };
    const reopen = async () => {
      await page.close();
      page = await open();
    };
    const works = (got) => assert.ok(got.phases, JSON.stringify(got));

    test('what came before a tab was closed is not fetched again', async () => {
      proxy.expect(shard.file, 'stall', undefined);
      await page.evaluate(() => {
        globalThis.part = 0;
        void import('/tabseek.js').then(({ load }) => load('/models/pocket', { profile: 'f32 lanes=8 rows=1', onProgress: (p) => (globalThis.part = p.loaded / p.total || 0) }));
      });
      await page.waitForFunction(() => part > 0.55, { polling: 50 });
      await reopen();
      const got = await page.evaluate(load);
      works(got);
      assert.ok(got.first > 0.55, `it begins at ${got.first}`);
      assert.deepEqual(proxy.seen.map((s) => Number(s.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0) > 0.55 * shard.size), [false, true]);
      await page.evaluate(async () => (await import('/tabseek.js')).deleteModel(new URL('/models/pocket', location.href).href));
      assert.deepEqual(await page.evaluate(listing), {}, 'what is deleted is gone');
    });

    test('a model that was loaded once is not asked for again', async () => {
      proxy.expect('/models/pocket/');
      works(await page.evaluate(load));
      assert.equal(proxy.seen.length, 3, 'the description, the tokenizer, a shard');
      assert.deepEqual(await page.evaluate(listing), { [shard.file]: shard.size });
      proxy.expect('/models/pocket/');
      await reopen();
      const got = await page.evaluate(load, { sha256: pocket.sha256 });
      works(got);
      assert.deepEqual(got.phases, ['manifest', 'compile', 'weights'], 'nothing is downloaded');
      assert.deepEqual(proxy.seen, []);
    });

    for (const [what, how] of [['truncated', 'truncate'], ['with a wrong byte', 255], ['that is gone', 'delete']]) {
      test(`a shard ${what} is fetched again, alone`, async () => {
        await page.evaluate(damage, shard.file, how);
        proxy.expect('/models/pocket/');
        works(await page.evaluate(load, { sha256: pocket.sha256 }));
        assert.deepEqual(proxy.seen.map((s) => s.url), [`/models/pocket/${shard.file}`]);
        assert.deepEqual(await page.evaluate(listing), { [shard.file]: shard.size });
      });
    }

    test('two models that share a shard keep it once', async () => {
      proxy.expect('/models/twin/');
      works(await page.evaluate(load, { model: 'twin' }));
      assert.deepEqual(proxy.seen.map((s) => s.url), ['/models/twin/model.json']);
      const stored = await page.evaluate(async () => {
        const { deleteModel, storedModels } = await import('/tabseek.js');
        const before = await storedModels();
        await deleteModel(before[0].url);
        return [before, await storedModels()].map((all) => all.map(({ name, size, stored, own }) => ({ name, size, stored, own })));
      });
      const size = shard.size + pocket.tokenizer.size;
      assert.deepEqual(stored[0], [{ name: 'twin', size, stored: size, own: 0 }, { name: 'pocket', size, stored: size, own: 0 }]);
      assert.deepEqual(stored[1], [{ name: 'pocket', size, stored: size, own: size }]);
      assert.deepEqual(await page.evaluate(listing), { [shard.file]: shard.size });
    });

    test('nothing is swept while a model comes that is not noted yet', async () => {
      await page.evaluate(async () => (await import('/tabseek.js')).deleteModel(new URL('/models/pocket', location.href).href));
      proxy.expect(pocket.tokenizer.file, 'stall', undefined);
      await page.evaluate(() => {
        globalThis.stop = new AbortController();
        void import('/tabseek.js').then(({ load }) => load('/models/pocket', { signal: stop.signal })).catch(() => {});
      });
      const other = await open();
      await other.waitForFunction(async () => (await navigator.locks.query()).held.some((l) => l.name === 'tabseek sweep' && l.mode === 'shared'), { polling: 50 });
      await other.close();
      await page.evaluate(() => stop.abort());
      works(await page.evaluate(load, { sha256: pocket.sha256 }));
    });

    test('two tabs that load at once fetch a shard once', async () => {
      await page.evaluate(damage, shard.file, 'delete');
      proxy.expect(shard.file);
      const other = await open();
      const both = await Promise.all([page, other].map((p) => p.evaluate(load, { sha256: pocket.sha256 })));
      await other.close();
      both.forEach(works);
      assert.equal(proxy.seen.length, 1);
    });

    test('a model that the server has changed is noticed', async () => {
      const other = (text) => text.replace('"format"', ' "format"');
      proxy.edits['/models/pocket/model.json'] = other;
      proxy.expect('model.json');
      works(await page.evaluate(load, { sha256: 'another' }));
      assert.equal(proxy.seen.length, 1);
      proxy.edits = {};
      proxy.expect(shard.file);
      works(await page.evaluate(load, { sha256: pocket.sha256 }));
      assert.equal(proxy.seen.length, 0, 'its shard is the same');
    });

    // Only Chromium's protocol can set a quota.
    test('no room is an error with the megabytes that are missing', { skip: name === 'firefox' && 'no protocol of Firefox sets a quota' }, async () => {
      await page.evaluate(damage, shard.file, 'delete');
      const session = await page.createCDPSession();
      const origin = proxy.address;
      const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + (1 << 20) });
      const got = await page.evaluate(load);
      assert.equal(got.code, 'quota_exceeded', JSON.stringify(got));
      assert.match(got.message, /^[1-4] MB more are needed/);
      assert.equal(got.fields.file, shard.file);
      await session.send('Storage.overrideQuotaForOrigin', { origin });
      works(await page.evaluate(load));
    });

    test('a quota of 100 MiB: the page says what can be deleted, deletes it, and goes on', { skip: name === 'firefox' && 'no protocol of Firefox sets a quota' }, async () => {
      await page.evaluate(async () => {
        const { deleteModel, storedModels } = await import('/tabseek.js');
        for (const { url } of await storedModels()) await deleteModel(url);
      });
      works(await page.evaluate(load, { model: 'other' }));
      const session = await page.createCDPSession();
      const origin = proxy.address;
      const quotaSize = 100 << 20;
      const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
      await page.evaluate(async (size) => {
        const file = await (await navigator.storage.getDirectory()).getFileHandle('ballast', { create: true });
        const writable = await file.createWritable();
        await writable.write(new Uint8Array(size));
        await writable.close();
      }, quotaSize - usage - 2_900_000);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
      await page.evaluate(() => localStorage.setItem('tabseek.model', '/models/pocket'));
      await page.goto(proxy.address);
      await page.waitForSelector('[data-testid=failure][data-code=quota_exceeded]', { timeout: 60_000 });
      assert.match(await page.$eval('[data-testid=room]', (e) => e.innerText), /^[\d.]+\s[kM]B more are needed/);
      assert.match(await page.$eval('[data-testid=make-room]', (e) => e.innerText), /^Delete other, 1\.7\sMB$/);
      await page.click('[data-testid=make-room]');
      await page.waitForFunction(() => !document.querySelector('[data-testid=make-room]'));
      await page.click('[data-testid=failure] .primary');
      await page.waitForFunction(() => document.documentElement.dataset.state === 'ready', { timeout: 120_000, polling: 50 });
      await session.send('Storage.overrideQuotaForOrigin', { origin });
    });
  });
}
