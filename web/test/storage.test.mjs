// What lies on this device: models are kept, verified, resumed and mended, and asked of no server twice. In both browsers,
// against the real server behind one that spoils its answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { faulty } from './faulty.mjs';
import { browsers, launch, pocket, serve } from './support.mjs';

const shard = pocket.shards[0];

/** Runs in the page: loads the model, and tells the answer to a sum or the error there is. */
async function load(options = {}) {
  const { load } = await import('/tabseek.js');
  const phases = new Set();
  let first; // how much of the weights there was when the first of them were told of
  try {
    const engine = await load('/models/pocket', {
      ...options,
      onProgress: (p) => {
        phases.add(p.phase);
        if (p.total > 0) first ??= p.loaded / p.total;
      },
    });
    const answer = await engine.chat.completions.create({ messages: [{ role: 'user', content: '9 + 8' }], temperature: 0, max_tokens: 1 });
    await engine.unload();
    return { tokens: answer.usage.completion_tokens, phases: [...phases], first };
  } catch (e) {
    return { code: e.code, message: e.message, fields: e.fields };
  }
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
    let server, proxy, browser, page;
    before(async () => {
      server = await serve();
      proxy = await faulty(server.address);
      browser = await launch(name);
      page = await open();
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
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
    const works = (got) => assert.equal(got.tokens, 1, JSON.stringify(got));

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
  });
}
