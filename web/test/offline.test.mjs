// The page as an app, in both browsers, in the order of a life: a first visit whose download is paused and resumed, a new version
// that comes while it answers, a GPU that is lost, and a reload when the server is gone.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { faulty } from './faulty.mjs';
import { browsers, launch, pocket, screenshot, serve } from './support.mjs';

const shard = pocket.shards[0];
const byID = (id) => `[data-testid="${id}"]`;

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, proxy, browser, page;
    before(async () => {
      server = await serve('--remote', 'big=http://127.0.0.1:1'); // which nobody asks here
      proxy = await faulty(server.address);
      browser = await launch(name);
      page = await browser.newPage();
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
    });
    const state = (wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 200_000, polling: 50 }, wanted);

    test('a download is paused, which ends its connection, and resumed from there', async () => {
      proxy.expect(shard.file, 'stall', undefined);
      await page.goto(proxy.address);
      await page.waitForFunction((q) => document.querySelector(q)?.value > 0.55 * document.querySelector(q)?.max, { timeout: 60_000, polling: 50 }, byID('download-progress'));
      await screenshot(page, `${name}-download`);
      await page.click(byID('pause'));
      await page.waitForSelector(byID('resume'));
      await state('offered');
      // Firefox does not close the connection of a request that has passed a service worker, whoever aborts it.
      for (let i = 0; i < 100 && name !== 'firefox' && !proxy.seen[0].closed; i++) await new Promise((resolve) => setTimeout(resolve, 50));
      if (name !== 'firefox') assert.ok(proxy.seen[0].closed, 'the connection is closed');
      await page.click(byID('resume'));
      await state('ready');
      assert.ok(Number(proxy.seen[1].range.match(/^bytes=(\d+)-$/)[1]) > 0.55 * shard.size, proxy.seen[1].range);
    });

    test('a new version waits until nothing runs', async () => {
      await page.evaluate(() => navigator.serviceWorker.ready);
      deploy(proxy, await (await fetch(server.address)).text());
      await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
      await page.waitForSelector(byID('update-ready'));
      await page.type('#prompt', '87 * 96');
      await page.keyboard.press('Enter');
      await state('generating');
      await page.click(byID('new-chat')); // the answer goes on, out of sight
      await page.waitForFunction((q) => !document.querySelector(q), {}, byID('answer'));
      await page.click(byID('models'));
      assert.deepEqual(await page.$$eval(`${byID('model-item')} ${byID('load')}`, (all) => all.map((e) => e.disabled)), [true, true], 'another model would end it');
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => !document.querySelector('dialog'));
      await page.click(`${byID('update-ready')} .primary`);
      await page.waitForFunction((q) => document.querySelector(q).innerText.includes('still'), {}, byID('update-ready'));
      await screenshot(page, `${name}-update`);
      await state('ready');
      await page.click(byID('chat-item'));
      await page.waitForSelector(byID('answer'));
      assert.match(await page.$eval(byID('answer'), (e) => e.innerText), /\d/, 'the answer is there');
      const reloaded = page.waitForNavigation();
      await page.click(`${byID('update-ready')} .primary`);
      await reloaded;
      assert.match(await page.evaluate(() => document.body.innerHTML), /another version/);
    });

    test('a GPU that is lost in the middle of an answer is replaced, and the answer is completed', async () => {
      await page.goto(`${proxy.address}/?debug`);
      await state('ready');
      await page.type('#prompt', '87 * 96');
      await page.keyboard.press('Enter');
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.textContent.length > 30, { polling: 20, timeout: 60_000 }, byID('thinking'));
      await page.evaluate(() => tabseekDebug.loseDevice());
      await page.waitForSelector('[data-recovery=lost]');
      await page.waitForSelector('[data-recovery=restored]', { timeout: 120_000 });
      await state('ready');
      assert.match(await page.$$eval(byID('answer'), (all) => all.at(-1).innerText), /\d/);
    });

    test('a reset fetches the page anew, and keeps chats and models', async () => {
      const chats = await page.$$eval(byID('chat-item'), (all) => all.map((e) => e.innerText));
      assert.ok(chats.length > 0);
      await page.click(byID('models'));
      proxy.expect('/');
      const reloaded = page.waitForNavigation();
      await page.click(byID('reset-app'));
      await reloaded;
      await page.waitForFunction((n) => document.querySelectorAll('[data-testid="chat-item"]').length === n, { timeout: 60_000, polling: 50 }, chats.length);
      assert.deepEqual(await page.$$eval(byID('chat-item'), (all) => all.map((e) => e.innerText)), chats);
      await state('ready');
      const paths = proxy.seen.map((s) => s.url);
      assert.ok(paths.some((p) => p.startsWith('/?debug') || p === '/'), paths.join());
      assert.ok(!paths.some((p) => p.endsWith('.bin')), paths.join());
      await page.evaluate(() => navigator.serviceWorker.ready);
      await page.waitForFunction(() => navigator.serviceWorker.controller, { polling: 50 });
    });

    test('without the server the page opens, and answers; it is not reset', async () => {
      proxy.stop();
      await page.reload();
      await state('ready');
      await page.click(byID('models'));
      await page.click(byID('reset-app'));
      await page.waitForSelector(byID('reset-refused'));
      await page.reload();
      await state('ready');
      await page.type('#prompt', '9 + 8');
      await page.keyboard.press('Enter');
      await page.waitForFunction((q) => [...document.querySelectorAll(q)].at(-1)?.innerText.includes('17'), { timeout: 60_000, polling: 50 }, byID('answer'));
      assert.match(await page.evaluate(() => document.body.innerHTML), /another version/);
    });
  });
}

/** Another version of the page: its index says so, and its service worker knows that. */
function deploy(proxy, index) {
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const other = (text) => text.replace('</body>', '<!-- another version --></body>');
  proxy.edits = { '/': other, '/sw.js': (text) => text.replace(sha256(index), sha256(other(index))) };
}
