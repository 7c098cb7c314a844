// The chat page as a person uses it, in both browsers: a question is typed, the answer is read. Pictures are kept in
// web/test/screenshots.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { browsers, launch, pocket, root, screenshot, serve } from './support.mjs';

const byID = (id) => `[data-testid="${id}"]`;
const state = (page, wanted, timeout = 120_000) =>
  page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout, polling: 100 }, wanted);
const text = (page, id) => page.$$eval(byID(id), (all) => all.at(-1)?.innerText ?? '');

async function ask(page, question) {
  const answers = (await page.$$(byID('answer'))).length;
  await page.type(byID('prompt'), question);
  await page.keyboard.press('Enter');
  await page.waitForFunction((n, q) => document.querySelectorAll(q).length > n, { polling: 50 }, answers, byID('answer'));
  await state(page, 'ready');
  return text(page, 'answer');
}

for (const name of Object.keys(browsers)) {
  /** What cannot differ between browsers is tried in one. */
  const inOne = { skip: name !== 'chromium' && 'as in Chromium' };
  describe(name, () => {
    let server, browser, page;
    const problems = [];
    const foreign = [];
    before(async () => {
      server = await serve('--profile', '');
      browser = await launch(name);
      page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 800 });
      page.on('console', (m) => m.type() === 'error' && problems.push(m.text()));
      page.on('pageerror', (e) => problems.push(e.message));
      page.on('request', (r) => r.url().startsWith('http') && new URL(r.url()).origin !== server.address && foreign.push(r.url()));
      await page.goto(server.address);
      await state(page, 'ready');
    });
    after(async () => {
      await browser?.close();
      server?.stop();
    });

    test('the temperature is set by keyboard alone', async () => {
      await page.focus(byID('settings'));
      await page.keyboard.press('Enter');
      const input = await page.waitForSelector('#setting-temperature', { visible: true });
      await input.focus();
      await page.keyboard.type('0');
      await page.keyboard.press('Escape');
      await page.waitForSelector('#setting-temperature', { hidden: true });
    });

    test('a typed question is answered, with its reasoning', async () => {
      assert.match(await ask(page, 'What is 47 + 85?'), /\b132\b/);
      assert.equal(await page.$eval(`${byID('answer')} mark`, (e) => e.textContent), '132', 'the boxed answer is in a box');
      const thinking = await page.$eval(byID('thinking'), (e) => e.textContent);
      assert.match(thinking, /7\+5=12/);
      assert.match(await text(page, 'speed'), /\d/);
      await screenshot(page, `${name}-answer`);
    });

    test('a second turn continues the conversation', async () => {
      assert.match(await ask(page, '23 * 7'), /\b161\b/);
      assert.equal((await page.$$(byID('answer'))).length, 2);
      const thinking = await page.$$eval(byID('thinking'), (all) => all.at(-1).textContent);
      assert.match(thinking, /3\*7=21/, 'a star between factors is shown, not taken for emphasis');
    });

    test('an answer can be stopped, and what there is stays', async () => {
      await page.type(byID('prompt'), '87 * 96');
      await page.keyboard.press('Enter');
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.textContent.includes('87'), { polling: 20 }, byID('thinking'));
      await page.keyboard.press('Escape');
      await state(page, 'ready');
      const thought = await page.$$eval(byID('thinking'), (all) => all.at(-1).textContent);
      assert.match(thought, /87/);
    });

    test('a new chat is empty', async () => {
      await page.click(byID('new-chat'));
      await page.waitForFunction((q) => document.querySelectorAll(q).length === 0, {}, byID('answer'));
    });

    test('it fits a phone', async () => {
      await page.setViewport({ width: 390, height: 844 });
      assert.match(await ask(page, '305 + 96'), /\b401\b/);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(overflow, 0);
      await screenshot(page, `${name}-phone`);
    });

    test('the public API can be used beside the page', async () => {
      const answer = await page.evaluate(async () => {
        const { load } = await import('/tabseek.js');
        const engine = await load('/models/pocket');
        const { choices } = await engine.chat.completions.create({ messages: [{ role: 'user', content: '9 + 8' }], temperature: 0 });
        await engine.unload();
        return choices[0].message.content;
      });
      assert.match(answer, /\b17\b/);
    });

    test('the picker tells what a model is and takes, and loads it with another context', async () => {
      await page.setViewport({ width: 1280, height: 800 });
      await page.click(byID('models'));
      await page.waitForSelector(`${byID('model-fit')}[data-fits="true"]`, { timeout: 60_000 });
      assert.equal(await text(page, 'model-kind'), 'deepseek_v3 · MLA · licence: apache-2.0');
      const memory = async () => Number((await text(page, 'model-here')).match(/about ([\d.]+)\u00a0MB of GPU memory · at most [\d.,]+\u00a0tokens\/s/)[1]);
      const whole = await memory();
      await page.select(byID('model-context'), '512');
      assert.ok((await memory()) < whole, `${await memory()} of ${whole}`);
      await screenshot(page, `${name}-models`);
      await page.click(byID('load'));
      await page.waitForFunction((q) => document.querySelector(q)?.innerText.includes('of 512'), { timeout: 120_000, polling: 50 }, byID('context'));
      await page.evaluate(() => localStorage.removeItem('tabseek.contexts'));
    });

    test('a full context stops the answer cleanly, and the meter moves all the while', inOne, async () => {
      await page.click(byID('new-chat'));
      const seen = page.evaluate(
        (q) =>
          new Promise((resolve) => {
            const values = new Set();
            const timer = setInterval(() => {
              const meter = document.querySelector(`${q} meter`);
              if (document.documentElement.dataset.state === 'generating') values.add(meter.value);
              else if (values.size > 0) (clearInterval(timer), resolve([...values]));
            }, 20);
          }),
        byID('context'),
      );
      await page.$eval(byID('prompt'), (area) => {
        area.value = `${'1 + '.repeat(102)}1`;
        area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      });
      await page.click(byID('send'));
      const values = await seen;
      assert.ok(values.length > 3 && values.at(-1) > values[0], values.join());
      assert.match(await page.$eval('.ending', (e) => e.innerText), /The context is full/);
      assert.ok(await page.$(`${byID('context')}.scarce`), 'it warned');
      const kept = await page.$eval(byID('thinking'), (e) => e.textContent.length);
      assert.ok(kept > 20);
      await screenshot(page, `${name}-context-full`);
    });

    test('what is happening is told in numbers', inOne, async () => {
      await page.click(byID('activity'));
      await page.waitForSelector('[data-factor=drafts]');
      const { parts, cache, factors } = await page.evaluate(() => ({
        parts: Object.fromEntries([...document.querySelectorAll('[data-part]')].map((e) => [e.dataset.part, Number(e.dataset.bytes)])),
        cache: Object.fromEntries([...document.querySelectorAll('[data-cache]')].map((e) => [e.dataset.cache, Number(e.dataset.bytes)])),
        factors: Object.fromEntries([...document.querySelectorAll('[data-factor]')].map((e) => [e.dataset.factor, parseFloat(e.querySelector('dd').innerText)])),
      }));
      const told = JSON.parse(execFileSync(path.join(root, 'bin/tabseek'), ['inspect', 'pocket', '--json']));
      const { attention, routed, dense: shared, head, other } = told.bytes_by_part;
      const { cache: cached, ...weights } = parts;
      assert.deepEqual(weights, { attention, routed, shared, head, other });
      assert.equal(cached % told.kv_bytes_per_token, 0);
      assert.equal(cache.expanded / cache.kept, told.ledger.latent);
      for (const factor of ['bits', 'routing', 'latent']) assert.ok(Math.abs(factors[factor] - told.ledger[factor]) < 0.051, factor);
      assert.ok(factors.drafts >= 1 && factors.batch === 1, JSON.stringify(factors));
      await screenshot(page, `${name}-activity`);
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => !document.querySelector('dialog'));
    });

    test('a packed folder of one’s own is dropped on the page, and is there after a reload', inOne, async () => {
      const drop = (shard, spoil) =>
        page.evaluate(async (shard, spoil) => {
          const dataTransfer = new DataTransfer();
          for (const file of ['model.json', 'tokenizer.bin', shard]) {
            const data = new Uint8Array(await (await fetch(`/models/pocket/${file}`)).arrayBuffer());
            if (spoil && file === shard) data[1000] ^= 1;
            dataTransfer.items.add(new File([data], file));
          }
          for (const type of ['dragover', 'drop']) document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
        }, shard, spoil);
      await drop(pocket.shards[0].file, true);
      await page.waitForSelector(`${byID('failure')}[data-code="bad_hash"]`, { timeout: 60_000 });
      await drop(pocket.shards[0].file, false);
      await state(page, 'ready');
      await page.reload();
      await state(page, 'ready');
      assert.equal(await page.evaluate(() => localStorage.getItem('tabseek.model')), 'local:/pocket');
      assert.match(await ask(page, '12 + 30'), /\b42\b/);
    });

    test('an address of this server is a model, too; of another it is none', inOne, async () => {
      await page.click(byID('models'));
      await page.waitForSelector(byID('own-address'));
      await page.type(byID('own-address'), 'https://elsewhere.test/model.json');
      await page.click(byID('own-load'));
      await page.waitForSelector(`dialog ${byID('failure')}[data-code="bad_request"]`);
      await page.$eval(byID('own-address'), (e) => (e.value = '/models/pocket/model.json'));
      await page.click(byID('own-load'));
      await page.waitForFunction(() => !document.querySelector('dialog'));
      await state(page, 'ready');
      assert.equal(await page.evaluate(() => localStorage.getItem('tabseek.model')), `${server.address}/models/pocket`);
    });

    test('a model is deleted from this device', inOne, async () => {
      await page.click(byID('models'));
      const items = async () => (await page.$$(byID('delete-model'))).length;
      await page.waitForSelector(byID('delete-model'));
      const before = await items();
      await page.click(byID('delete-model'));
      await page.click(byID('confirm'));
      await page.waitForFunction((n, q) => document.querySelectorAll(q).length < n, { polling: 50 }, before, byID('delete-model'));
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => !document.querySelector('dialog'));
      assert.match(await ask(page, '9 + 8'), /\b17\b/, 'what is on the GPU answers on');
    });

    test('nothing was refused, and nobody else was asked', () => {
      assert.deepEqual(problems, []);
      assert.deepEqual(foreign, []);
    });

    test('a download that breaks off is explained, and can be tried again', { skip: name !== 'chromium' && 'only Chromium lets a test cut the worker off' }, async () => {
      const context = await browser.createBrowserContext(); // one that keeps no model yet
      const other = await context.newPage();
      const session = await other.createCDPSession();
      await session.send('Fetch.enable', { patterns: [{ urlPattern: '*/sha256-*.bin' }] });
      session.on('Fetch.requestPaused', ({ requestId }) => session.send('Fetch.failRequest', { requestId, errorReason: 'ConnectionReset' }));
      await other.goto(server.address);
      await state(other, 'error');
      assert.match(await text(other, 'failure'), /sha256-[0-9a-f]{64}\.bin/);
      await screenshot(other, `${name}-download-failed`);
      await session.send('Fetch.disable');
      await other.click(`${byID('failure')} button`);
      await state(other, 'ready');
      await context.close();
    });

    test('without WebGPU it says what to do', async () => {
      const bare = await browser.newPage();
      await bare.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
      await bare.goto(server.address);
      await state(bare, 'error');
      assert.match(await text(bare, 'failure'), /WebGPU/);
      await screenshot(bare, `${name}-no-webgpu`);
      await bare.click(byID('models'));
      await bare.waitForSelector(byID('model-item')); // what lies here can be deleted
      await bare.close();
    });
  });
}
