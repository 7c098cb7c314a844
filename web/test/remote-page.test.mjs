// A model elsewhere on the page, in both browsers: chosen, unlocked, asked, stopped, failed. The upstream is a fake behind the
// real proxy; the browser has no GPU, which a model elsewhere does not need.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browsers, launch, screenshot, serve } from './support.mjs';
import { dialects, upstream } from './upstream.mjs';

const byID = (id) => `[data-testid="${id}"]`;
const remoteItem = `${byID('model-item')}[data-remote]`;

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let up, server, browser, page;
    const problems = [];
    before(async () => {
      up = await upstream({ ...dialects.DeepSeek, models: [{ id: 'm' }, { id: 'other' }] });
      process.env.REMOTE_TEST_TOKEN = 'open sesame';
      process.env.REMOTE_TEST_KEY = 'secret';
      server = await serve('--remote', `big=${up.address}`, '--remote-key-env', 'REMOTE_TEST_KEY', '--remote-auth', 'REMOTE_TEST_TOKEN');
      browser = await launch(name);
      page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 800 });
      await page.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
      page.on('pageerror', (e) => problems.push(e.message));
      await page.goto(server.address);
      await state('error');
    });
    after(async () => {
      await browser?.close();
      server?.stop();
      await up?.stop();
    });
    const state = (wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 60_000, polling: 20 }, wanted);
    const last = (id) => page.$$eval(byID(id), (all) => all.at(-1)?.innerText ?? '');
    const ask = async (question) => {
      await page.type(byID('prompt'), question);
      await page.keyboard.press('Enter');
    };

    test('it is listed, and nothing is sent', async () => {
      await page.click(byID('models'));
      const said = await page.$eval(remoteItem, (e) => e.innerText);
      assert.match(said, /big/);
      assert.match(said, /leaves this computer/);
      assert.deepEqual(up.asked, []);
    });

    test('chosen, it asks for the token once', async () => {
      await page.click(`${remoteItem} ${byID('load')}`);
      for (const token of ['open', 'open sesame']) {
        const input = await page.waitForSelector(byID('remote-token'));
        await input.type(token);
        await page.keyboard.press('Enter');
        if (token === 'open') await page.waitForSelector('#remote-token-again');
      }
      await state('ready');
      assert.equal(await page.$eval(byID('models'), (e) => e.innerText.trim()), 'big');
      await page.waitForSelector(byID('leaves'));
    });

    test('its capabilities are found out and shown', async () => {
      await page.click(byID('models'));
      await page.waitForFunction((q) => /not supported here/.test(document.querySelector(q)?.innerText), {}, byID('capabilities'));
      const card = await page.$$eval(`${byID('capabilities')} dd`, (all) => all.map((e) => e.innerText));
      assert.deepEqual(card, ['not known', 'not supported here', 'yes', 'not supported here']);
      await screenshot(page, `${name}-remote`);
      await page.select(byID('remote-model'), 'other');
      await page.keyboard.press('Escape');
    });

    test('it answers with its reasoning', async () => {
      await ask('it');
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.innerText === 'answer to it', {}, byID('answer'));
      await state('ready');
      assert.match(await page.$eval(byID('thinking'), (e) => e.textContent), /thought of it/);
      const { body, headers } = up.asked.findLast((a) => a.body?.messages);
      assert.equal(body.model, 'other');
      assert.deepEqual([headers.authorization, headers.cookie, headers.origin], ['Bearer secret', undefined, undefined]);
    });

    test('careful, it answers several times, and its lanes are seen', async () => {
      const before = up.asked.filter((a) => a.body?.messages).length;
      await page.$eval('input[name="depth"][value="careful"]', (e) => e.click());
      await ask('2 + 2');
      await page.waitForFunction((q) => document.querySelectorAll(q).length >= 3, { timeout: 20_000 }, byID('lane')); // three alike decide it
      await state('ready');
      assert.match(await last('agreement'), /4 of 4 agree|3 of 3 agree|surest/);
      assert.ok(up.asked.filter((a) => a.body?.messages).length >= before + 3);
      await page.$eval('input[name="depth"][value="fast"]', (e) => e.click());
    });

    test('it is stopped, and what has come stays', async () => {
      up.instead = (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"choices":[{"index":0,"delta":{"content":"so far"}}]}\n\n');
      await ask('more');
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.innerText === 'so far', {}, byID('answer'));
      await page.keyboard.press('Escape');
      await state('ready');
      assert.equal(await last('answer'), 'so far');
      for (let ms = 0; up.open > 0; ms += 10) {
        assert.ok(ms < 1000, 'a second later, the server still works');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.equal(await page.$(byID('continue')), null, 'which only a model here can go on with');
    });

    test('a failure is explained, what has come stays, and it can be asked again', async () => {
      up.instead = (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n');
      await ask('even more');
      await page.waitForSelector(`${byID('failure')}[data-code="remote_failed"]`);
      assert.equal(await last('answer'), 'half');
      await screenshot(page, `${name}-remote-failed`);
      up.instead = () => false;
      await page.click(`${byID('failure')} button`);
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.innerText === 'answer to even more', {}, byID('answer'));
      await state('ready');
    });

    test('opened again, it is chosen still, and asked only when the user asks', async () => {
      const before = up.asked.length;
      await page.reload();
      await page.waitForSelector(byID('leaves'));
      await state('ready');
      assert.equal(up.asked.length, before);
      await ask('once more');
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.innerText === 'answer to once more', {}, byID('answer'));
      await page.setViewport({ width: 390, height: 844 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
      await screenshot(page, `${name}-remote-phone`);
      assert.deepEqual(problems, []);
    });
  });
}
