// Loading from a server, and over a network, that have faults: what can be mended is, and what cannot is an error that names
// the file. In both browsers, against the real server behind one that spoils its answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { faulty } from './faulty.mjs';
import { browsers, launch, pocket, serve } from './support.mjs';

const shard = pocket.shards[0];

/** Runs in the page: loads the model until its weights are there; returns the error there is, and how far the bar went. */
async function load() {
  const { load } = await import('/tabseek.js');
  let most = 0;
  let total = 0;
  let last = 0;
  const enough = new AbortController();
  try {
    await load('/models/pocket', {
      signal: enough.signal,
      onProgress: (p) => {
        if (p.phase === 'compile' && p.total > 0) enough.abort(); // what follows is no part of these tests
        if (p.phase !== 'download') return;
        ({ loaded: last, total } = p);
        most = Math.max(most, p.loaded);
      },
    });
  } catch (e) {
    if (enough.signal.aborted) return { most, last, total };
    return { code: e.code, message: e.message, file: e.fields?.file };
  }
}

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, proxy, browser, page;
    before(async () => {
      server = await serve();
      proxy = await faulty(server.address);
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
    });

    /** Loads in a page whose caches are empty at first. */
    const outcome = async () => {
      const context = await browser.createBrowserContext();
      try {
        page = await context.newPage();
        await page.goto(`${proxy.address}/healthz`); // a page of the origin, without the chat
        return await page.evaluate(load);
      } finally {
        await context.close();
      }
    };
    const works = (got) => {
      assert.ok(got.total > 0 && got.most <= got.total && got.last === got.total, `the bar stays true: ${JSON.stringify(got)}`);
    };
    const fails = (got, code, file, words) => {
      assert.deepEqual([got.code, got.file], [code, file], JSON.stringify(got));
      assert.match(got.message, words);
    };

    test('a connection that breaks is resumed from the bytes that came', async () => {
      proxy.expect(shard.file, 'cut', 'cut', undefined);
      works(await outcome());
      assert.equal(proxy.seen.length, 3);
      assert.equal(proxy.seen[0].range, undefined);
      const begins = proxy.seen.slice(1).map((s) => Number(s.range?.match(/^bytes=(\d+)-$/)?.[1]));
      assert.ok(0 < begins[0] && begins[0] < begins[1] && begins[1] < shard.size, `resumed at ${begins}`);
    });

    test('a server that knows no ranges sends all again', async () => {
      proxy.expect(shard.file, 'cut', 'whole', undefined);
      works(await outcome());
      assert.equal(proxy.seen.length, 2);
    });

    test('a connection that always breaks: download_failed', async () => {
      proxy.expect(shard.file, 'cut');
      fails(await outcome(), 'download_failed', shard.file, /./);
      assert.equal(proxy.seen.length, 5, 'the first try brought much, four did not');
    });

    test('a server that falls silent is asked again', async () => {
      proxy.expect(shard.file, 'stall', undefined);
      proxy.hurry = true;
      works(await outcome());
      proxy.hurry = false;
      assert.match(proxy.seen[1].range, /^bytes=[1-9]\d*-$/);
    });

    test('wrong content once is fetched anew', async () => {
      proxy.expect(shard.file, 'flip', undefined);
      works(await outcome());
      assert.deepEqual(proxy.seen.map((s) => s.range), [undefined, undefined]);
    });

    test('wrong content for ever: bad_hash', async () => {
      proxy.expect(shard.file, 'flip');
      fails(await outcome(), 'bad_hash', shard.file, /damaged/);
      assert.equal(proxy.seen.length, 3);
    });

    test('content that is longer: bad_hash', async () => {
      proxy.expect(shard.file, 'longer');
      fails(await outcome(), 'bad_hash', shard.file, /longer than \d+ bytes/);
    });

    test('a web page once is got over', async () => {
      proxy.expect(shard.file, 'page', undefined);
      works(await outcome());
    });

    test('a web page for ever: download_failed', async () => {
      proxy.expect(shard.file, 'page');
      fails(await outcome(), 'download_failed', shard.file, /a web page, not model data/);
    });

    test('a web page for a manifest: an error that names it', async () => {
      proxy.expect('model.json', 'page');
      const got = await outcome();
      assert.equal(got.code, 'bad_model', JSON.stringify(got));
      assert.match(got.message, /model\.json/);
    });

    test('a manifest that breaks off: download_failed', async () => {
      proxy.expect('model.json', 'cut');
      fails(await outcome(), 'download_failed', 'model.json', /model\.json/);
    });

    test('a server with a fault of its own: download_failed', async () => {
      proxy.expect(pocket.tokenizer.file, 'broken');
      fails(await outcome(), 'download_failed', pocket.tokenizer.file, /500/);
    });
  });
}
