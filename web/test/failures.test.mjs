// What goes wrong is told apart on the page: each failure is made for real, and the panel has its code and its own words.
// In both browsers.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { browsers, insecureName, instrument, launch, root, screenshot, serve } from './support.mjs';

const pocket = path.join(root, 'web/dist/models/pocket');
const shard = readdirSync(pocket).find((name) => name.startsWith('sha256-'));

function change(file, edit) {
  writeFileSync(file, edit(readFileSync(file)));
}

/** Models that are spoilt after the server has opened them: how, and the failure of loading them or, if asked, of an answer. */
const models = {
  flipped: {
    code: 'bad_hash', title: 'The downloaded model is damaged', names: shard,
    spoil: (dir) =>
      change(path.join(dir, shard), (data) => {
        data[data.length >> 1] ^= 1;
        return data;
      }),
  },
  'without-shard': { code: 'download_failed', title: 'The model could not be downloaded', names: shard, spoil: (dir) => rmSync(path.join(dir, shard)) },
  foreign: { code: 'bad_model', title: 'This model cannot be used', names: 'gpt2', manifest: (m) => (m.architecture.model_type = 'gpt2') },
  speechless: { asked: true, code: 'bad_request', title: 'The model cannot answer this', names: 'chat format', manifest: (m) => (m.chat = '') },
};

/** The manifest with a change. */
function edited(edit) {
  const manifest = JSON.parse(readFileSync(path.join(pocket, 'model.json'), 'utf8'));
  edit(manifest);
  return JSON.stringify(manifest);
}

const byID = (id) => `[data-testid="${id}"]`;

for (const name of Object.keys(browsers)) {
  /** What cannot differ between browsers is tried in one. */
  const inOne = { skip: name !== 'chromium' && 'as in Chromium' };
  describe(name, () => {
    let folder, server, proxy, browser, page;
    before(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'tabseek-spoilt-'));
      for (const model of Object.keys(models)) cpSync(pocket, path.join(folder, model), { recursive: true });
      server = await serve('--models', folder);
      proxy = await instrument(server.address);
      for (const [model, { spoil, manifest }] of Object.entries(models)) {
        spoil?.(path.join(folder, model));
        if (manifest) proxy.replaced.set(`/models/${model}/model.json`, edited(manifest));
      }
      browser = await launch(name);
      page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 800 });
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
      if (folder) rmSync(folder, { recursive: true });
    });

    const state = (wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 60_000, polling: 50 }, wanted);
    const open = async (address = proxy.address) => {
      await page.goto(`${proxy.address}/healthz`);
      await page.evaluate(() => localStorage.removeItem('tabseek.model')); // which model the test before chose
      await page.goto(address);
      await page.waitForSelector('html[data-state]');
    };
    /** Removes the default model from this device, so that its description is fetched. */
    const forget = async () => {
      await page.goto(`${proxy.address}/healthz`);
      await page.evaluate(async () => (await import('/tabseek.js')).deleteModel(new URL('/models/pocket', location.href).href));
    };
    const write = async (question) => {
      await page.$eval(
        byID('prompt'),
        (area, text) => {
          area.value = text;
          area.dispatchEvent(new InputEvent('input', { bubbles: true }));
        },
        question,
      );
      await page.click(byID('send'));
    };
    const answer = () => page.$$eval(byID('answer'), (all) => all.at(-1)?.innerText ?? '');
    const happen = (mishap) => page.evaluate((m) => new BroadcastChannel('mishaps').postMessage(m), mishap);

    /** The panel there is: one, of this code, with these words. */
    const shows = async (code, title, ...names) => {
      await state('error');
      const panels = await page.$$eval(`section${byID('failure')}`, (all) => all.map((e) => ({ code: e.dataset.code, title: e.querySelector('h2').innerText.trim(), text: e.innerText })));
      assert.deepEqual(panels.map((p) => [p.code, p.title]), [[code, title]], panels[0]?.text);
      for (const n of names) assert.ok(panels[0].text.includes(n), `no ${n} in: ${panels[0].text}`);
    };

    for (const [model, { asked, code, title, names }] of Object.entries(models)) {
      test(`${model}: ${code}`, async () => {
        await open();
        await state('ready');
        await page.evaluate(async () => (await navigator.storage.getDirectory()).removeEntry('shards', { recursive: true })); // or they are not fetched
        await page.click(byID('models'));
        await page.evaluate((m) => [...document.querySelectorAll('[data-testid=model-item]')].find((item) => item.innerText.includes(m)).querySelector('[data-testid=load]').click(), model);
        if (asked) {
          await page.waitForFunction((q, m) => document.querySelector(q).innerText.includes(m), {}, byID('models'), model);
          await state('ready');
          await write('9 + 8');
        }
        await shows(code, title, names);
        await screenshot(page, `${name}-${code}`);
      });
    }

    test('a prompt longer than the context: context_full', async () => {
      await open();
      await state('ready');
      await write('1 + '.repeat(3000));
      await shows('context_full', 'The conversation is too long for this model', 'the context holds');
      await page.click(byID('new-chat'));
      await write('1 + '.repeat(6e5)); // more than the 2 MiB that the engine reads at all
      await shows('context_full', 'The conversation is too long for this model');
      await page.click(byID('new-chat'));
      await state('ready');
    });

    test('a GPU that is lost for good: device_lost, until the model is loaded again', async () => {
      await open();
      await state('ready');
      await write('87 * 96');
      await page.waitForFunction((q) => document.querySelector(q)?.textContent.includes('87'), { polling: 20 }, byID('thinking'));
      await happen('doom');
      await shows('device_lost', 'The GPU stopped working');
      assert.match(await page.$eval(byID('thinking'), (e) => e.textContent), /87/, 'what there was stays');
      await page.click(`${byID('failure')} button`);
      await state('ready');
      await page.click(byID('new-chat'));
      await write('9 + 8');
      await page.waitForFunction((q) => document.querySelector(q)?.textContent.includes('17'), { timeout: 60_000, polling: 50 }, byID('answer'));
    });

    test('a program that fails: internal', async () => {
      await open();
      await state('ready');
      await write('87 * 96');
      await state('generating');
      await happen('fail');
      await shows('internal', 'Something in Tabseek failed', 'out of order');
    });

    test('an address that is not secure: insecure_context', async () => {
      await open(`http://${insecureName}:${proxy.port}`);
      await shows('insecure_context', 'This page needs a secure address');
    });

    /** Removes what is remembered of devices, so that they are examined anew. */
    const forgetDevice = () =>
      page.evaluate(async () => {
        const db = await new Promise((resolve) => (indexedDB.open('tabseek').onsuccess = (e) => resolve(e.target.result)));
        await new Promise((resolve) => (db.transaction('profiles', 'readwrite').objectStore('profiles').clear().onsuccess = resolve));
        db.close();
      });

    test('a GPU that computes wrong numbers: wrong_results, before anything is fetched', inOne, async () => {
      await forget();
      await forgetDevice();
      const { models } = await (await fetch(`${server.address}/models/index.json`)).json();
      for (const m of models) delete m.profile; // with it the device would be known
      proxy.replaced.set('/models/index.json', { type: 'application/json', body: JSON.stringify({ models }) });
      proxy.more.prelude = `{
        const get = GPUBuffer.prototype.getMappedRange;
        GPUBuffer.prototype.getMappedRange = function (...range) {
          const mapped = get.apply(this, range);
          const words = new Uint32Array(mapped);
          for (let i = 4; i < words.length; i++) words[i] ^= 0x00400000;
          return mapped;
        };
      }`;
      try {
        let fetched = false;
        page.on('request', (r) => (fetched ||= r.url().endsWith('.bin')));
        await open();
        await shows('wrong_results', 'This GPU computes wrong numbers', 'attention, experts, routing, norm, sampling, product');
        assert.equal(fetched, false);
        await screenshot(page, `${name}-wrong-results`);
      } finally {
        proxy.more.prelude = '';
        proxy.replaced.delete('/models/index.json');
      }
      await page.click(`${byID('failure')} .primary`); // now it is right again
      await state('ready');
    });

    test('a GPU with too little memory: out_of_memory, with numbers, and a smaller context', inOne, async () => {
      proxy.more.prelude = `{
        const create = GPUDevice.prototype.createBuffer;
        let large = false;
        GPUDevice.prototype.createBuffer = function (d) { large ||= d.size > 2e6; return create.call(this, d); };
        const pop = GPUDevice.prototype.popErrorScope;
        GPUDevice.prototype.popErrorScope = async function () { const e = await pop.call(this); if (!large) return e; large = false; return new GPUOutOfMemoryError('as asked'); };
      }`;
      try {
        await open();
        await shows('out_of_memory', 'The GPU has too little memory', 'MB of GPU memory with a context of 2,048 tokens');
        await screenshot(page, `${name}-out-of-memory`);
        await page.click(byID('other-model'));
        await page.waitForSelector('dialog');
        await page.keyboard.press('Escape');
        await page.waitForFunction(() => !document.querySelector('dialog'));
      } finally {
        proxy.more.prelude = '';
      }
      await page.click(byID('smaller-context'));
      await state('ready');
      assert.match(await page.$eval(byID('context'), (e) => e.innerText), /of 1,024/);
      await page.evaluate(() => localStorage.removeItem('tabseek.contexts'));
    });

    test('a browser that gives no GPU after a reload is asked again', inOne, async () => {
      const other = await browser.newPage();
      await other.evaluateOnNewDocument(() => {
        const wait = window.setTimeout;
        window.setTimeout = (f, ms, ...rest) => wait(f, ms === 5000 ? 100 : ms, ...rest);
        const request = globalThis.GPU?.prototype.requestAdapter;
        let refusals = 0;
        if (request) GPU.prototype.requestAdapter = function (...args) { return refusals++ < 30 ? Promise.resolve(null) : request.apply(this, args); };
      });
      await other.goto(proxy.address);
      await other.waitForSelector(`${byID('failure')}[data-code="no_webgpu"]`);
      await other.waitForSelector('[data-recovery=waiting]');
      await other.waitForFunction(() => document.documentElement.dataset.state === 'ready', { timeout: 60_000, polling: 50 });
      assert.equal(await other.$('[data-recovery]'), null);
      await other.close();
    });

    test('a large model is asked about once: again only if its download was paused', inOne, async () => {
      await forget();
      const list = JSON.parse(await (await fetch(`${server.address}/models/index.json`)).text());
      proxy.replaced.set('/models/index.json', JSON.stringify({ models: [{ ...list.models[0], size: 300e6, sha256: 'new' }] }));
      proxy.hold(/pocket\/model\.json$/);
      await page.evaluate(() => localStorage.removeItem('tabseek.consented'));
      await open();
      await state('offered');
      assert.match(await page.$eval('.consent', (e) => e.innerText), /300\sMB[^]*licence: apache-2.0[^]*GPU memory/);
      await screenshot(page, `${name}-consent`);
      await page.click(byID('load'));
      await page.waitForSelector(byID('pause'));
      await page.reload();
      await page.waitForSelector(byID('pause')); // it goes on
      await page.click(byID('pause'));
      await page.waitForSelector(byID('resume'));
      await page.reload();
      await state('offered');
      proxy.replaced.delete('/models/index.json');
      proxy.hold();
    });

    test('a question sent while the model loads is asked when it is ready', async () => {
      await forget();
      proxy.hold(/model\.json$/);
      await open();
      await page.waitForSelector(byID('download-progress'));
      await write('9 + 8');
      assert.equal(await page.$eval('.waiting', (e) => e.innerText), 'Waiting for the model');
      assert.equal(await page.evaluate(() => document.documentElement.dataset.state), 'loading');
      await screenshot(page, `${name}-asked-early`);
      proxy.hold();
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.textContent.includes('17'), { timeout: 60_000, polling: 50 }, byID('answer'));
      await state('ready');
      assert.match(await answer(), /\b17\b/);
    });

    test('a question that waits can be taken back', async () => {
      await forget();
      proxy.hold(/model\.json$/);
      await open();
      await page.waitForSelector(byID('download-progress'));
      await write('9 + 8');
      await page.click(byID('stop'));
      await page.waitForFunction(() => [...document.querySelectorAll('.ending')].at(-1)?.innerText.includes('Stopped'), { timeout: 5000, polling: 50 });
      proxy.hold();
      await state('ready');
      assert.equal(await answer(), '');
    });
  });
}
