// The chat page as a person uses it, in both browsers: a question is typed, the answer is read. Pictures are kept in
// web/test/screenshots.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browsers, launch, screenshot, serve } from './support.mjs';

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
