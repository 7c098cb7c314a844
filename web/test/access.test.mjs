// Everybody can use the page: axe-core finds nothing serious in its main states, in light and dark, on a screen of 360
// pixels and a wide one; it is used by keyboard alone, and in Chinese. Pictures are kept in web/test/screenshots.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { serveFake } from './fake.mjs';
import { browsers, launch, root, screenshot, serve } from './support.mjs';

const byID = (id) => `[data-testid="${id}"]`;
const axe = readFileSync(path.join(root, 'web/node_modules/axe-core/axe.min.js'), 'utf8');

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, proxy, browser, page;
    before(async () => {
      server = await serve('--remote', 'big=http://127.0.0.1:1'); // which nobody asks here
      proxy = await serveFake(server.address, { pace: 1 });
      browser = await launch(name);
      page = await browser.newPage();
      await page.setViewport({ width: 1100, height: 800 });
      await page.evaluateOnNewDocument((known) => localStorage.setItem('tabseek.remotes', known), JSON.stringify({ '/remote/big': { model: 'm', models: [{ id: 'm' }], cards: { m: { n: true, logprobs: false, context: 4096 } } } }));
      await page.goto(proxy.address);
      await state('ready');
      await page.evaluate(axe);
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
    });
    const state = (wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 120_000, polling: 20 }, wanted);
    const until = (test, ...values) => page.waitForFunction(test, { timeout: 120_000, polling: 20 }, ...values);
    const ask = async (question) => {
      const n = (await page.$$('h2.question')).length;
      await page.focus(byID('prompt'));
      await page.keyboard.type(question);
      await page.keyboard.press('Enter');
      await until((n) => document.querySelectorAll('h2.question').length > n, n);
      await state('ready');
    };
    const theme = (value) => page.evaluate((v) => (document.documentElement.dataset.theme = v), value);
    const press = async (...keys) => {
      for (const k of keys) await page.keyboard.down(k);
      for (const k of keys.reverse()) await page.keyboard.up(k);
    };
    const closeDialog = async () => {
      await page.keyboard.press('Escape');
      await until(() => !document.querySelector('dialog'));
    };
    /** axe-core's serious and critical findings, in both themes. */
    const findings = async (where) => {
      for (const value of ['light', 'dark']) {
        await theme(value);
        await new Promise((resolve) => setTimeout(resolve, 200)); // colours change in 120 ms
        const found = await page.evaluate(async () => {
          const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
          return violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`));
        });
        assert.deepEqual(found, [], `${where}, ${value}`);
        await screenshot(page, `${name}-${where}-${value}`);
      }
      await theme('light');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(overflow, 0, `${where} is wider than the screen`);
    };

    test('an empty page', () => findings('empty'));

    test('a chat with branches, code, TeX and a failure', async () => {
      await ask('think 3');
      await page.click(byID('regenerate'));
      await until(() => document.querySelector('[data-testid="branch-next"]'));
      await state('ready');
      await ask('say ```js\\nlet a = 1; // one\\n``` and \\(x^2\\)'.replaceAll('\\n', ' '));
      await ask('say plain words');
      await page.focus(byID('prompt'));
      await page.keyboard.type('fail');
      await page.keyboard.press('Enter');
      await page.waitForSelector(byID('failure'));
      await page.click(byID('chat-menu'));
      await findings('chat');
    });

    test('an answer of several that disagree', async () => {
      await page.$eval('input[name="depth"][value="careful"]', (e) => e.click());
      await page.click(byID('budgets'));
      await ask('vote 7 8');
      await page.$$eval(`${byID('lanes')} > summary`, (all) => all.at(-1).click());
      await page.waitForSelector(byID('lane'), { visible: true });
      await page.click(`${byID('lane')} button`);
      await page.waitForSelector(byID('more-samples'));
      await findings('lanes');
      await page.click(byID('budgets'));
      await page.$eval('input[name="depth"][value="fast"]', (e) => e.click());
    });

    test('the models, one of them elsewhere', async () => {
      await page.click(byID('models'));
      await page.waitForSelector(byID('capabilities'));
      await findings('models');
      await closeDialog();
    });

    test('files, read and refused, and a passage that is cited', async () => {
      await page.evaluate((long) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([long], 'book.txt'));
        dataTransfer.items.add(new File([' '], 'empty.txt'));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      }, 'A lighthouse stands here. '.repeat(400));
      await until((q) => document.querySelector(`${q}[data-state="ready"]`) && document.querySelector(`${q}[data-state="failed"]`), byID('source'));
      await ask('say a lighthouse[citation:1]');
      await page.click('a.citation');
      await findings('files');
      for (const button of await page.$$(`${byID('source')} button`)) await button.click();
    });

    test('the settings', async () => {
      await page.click(byID('settings'));
      await page.waitForSelector(byID('export'));
      await findings('settings');
      await closeDialog();
    });

    test('what is happening', async () => {
      await page.click(byID('activity'));
      await page.waitForSelector('dialog .curve');
      await page.waitForSelector('dialog .experts[aria-label]');
      await findings('activity');
      await closeDialog();
    });

    test('the list of shortcuts', async () => {
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.type('?');
      await page.waitForSelector('dialog kbd');
      await findings('shortcuts');
      await closeDialog();
    });

    test('a screen of 360 pixels', async () => {
      await page.setViewport({ width: 360, height: 740 });
      await until(() => !document.querySelector('.sidebar'));
      await findings('phone');
      await page.click(byID('sidebar'));
      await page.waitForSelector(byID('search'), { visible: true });
      await findings('phone-chats');
      await page.click(byID('chat-item'));
      await until(() => !document.querySelector('.sidebar'));
      await page.click(byID('settings'));
      await page.waitForSelector(byID('export'));
      await findings('phone-settings');
      await closeDialog();
      await page.setViewport({ width: 1440, height: 900 });
      await until(() => document.querySelector('.sidebar'));
    });

    test('by keyboard alone', async () => {
      await press('Control', 'Shift', 'KeyO');
      await until(() => document.querySelectorAll('h2.question').length === 0 && document.activeElement.id === 'prompt');
      await page.keyboard.type('two');
      await press('Shift', 'Enter');
      await page.keyboard.type('lines');
      assert.equal(await page.$eval(byID('prompt'), (e) => e.value), 'two\nlines');
      await page.keyboard.press('Enter');
      await until(() => document.querySelector('[data-testid="answer"]')?.innerText === 'done');
      await press('Control', 'KeyK');
      await until(() => document.activeElement.id === 'search');
      const reached = [];
      for (let i = 0; i < 3; i++) {
        await page.keyboard.press('Tab');
        reached.push(await page.evaluate(() => document.activeElement.dataset.testid));
      }
      assert.ok(reached.includes('chat-item') && reached.includes('chat-menu'), reached.join());
      await press('Control', 'KeyB');
      await until(() => !document.querySelector('.sidebar'));
      await press('Control', 'KeyB');
      await until(() => document.querySelector('.sidebar'));
    });

    test('an input method keeps its Enter', async () => {
      await page.focus(byID('prompt'));
      await page.keyboard.type('ni');
      const before = (await page.$$('h2.question')).length;
      for (const composing of [{ isComposing: true }, { keyCode: 229 }]) { // as Chromium and Firefox tell of it, and as Safari does
        await page.$eval(byID('prompt'), (area, e) => area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', ...e, bubbles: true, cancelable: true })), composing);
      }
      assert.equal((await page.$$('h2.question')).length, before);
      assert.equal(await page.$eval(byID('prompt'), (e) => e.value), 'ni');
      await page.keyboard.press('Backspace');
      await page.keyboard.press('Backspace');
    });

    test('right to left', async () => {
      await press('Control', 'Shift', 'KeyO');
      await ask('say שלום עולם');
      const directions = await page.evaluate(() => [getComputedStyle(document.querySelector('.answer .markdown')).direction, getComputedStyle(document.querySelector('h2.question')).direction]);
      assert.equal(directions[0], 'rtl');
    });

    test('in Chinese', async () => {
      await page.click(byID('settings'));
      await page.waitForSelector('input[name="language"][value="zh"]');
      await page.$eval('input[name="language"][value="zh"]', (e) => e.click());
      await until(() => document.documentElement.lang === 'zh-Hans');
      const text = await page.evaluate(() => document.body.innerText);
      await findings('chinese-settings');
      await closeDialog();
      await findings('chinese');
      const rest = await page.evaluate(() => document.querySelector('.header').innerText + document.querySelector('.dock').innerText + document.querySelector('.sidebar').innerText);
      assert.match(text, /设置/);
      assert.doesNotMatch(rest, /chat|Settings|Search|Ready|complete/i);
      for (const [button, fact] of [['models', '潜在注意力（MLA）'], ['activity', '潜在缓存']]) {
        await page.click(byID(button));
        await page.waitForSelector('dialog .facts, dialog .curve');
        const words = await page.$eval('dialog', (e) => e.innerText);
        assert.ok(words.includes(fact), words);
        assert.deepEqual(words.replaceAll(/GPU|KV|MLA|Wh|[kMG]?B\b/g, '').match(/[a-z]{2,}/gi)?.filter((w) => !['fake', 'pocket', 'big', 'none', 'deepseek', 'apache', 'tabseek', 'pack', 'model', 'json'].includes(w)) ?? [], [], button);
        await closeDialog();
      }
      await page.reload();
      await until(() => document.documentElement.lang === 'zh-Hans');
    });
  });
}
