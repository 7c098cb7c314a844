// One answer made of several on the page, in both browsers: chosen beside the question, seen while it runs, steered, kept,
// exported; where nothing has a majority, more samples or a model elsewhere. The engine is a stand-in but in the last test.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveFake } from './fake.mjs';
import { browsers, launch, screenshot, serve } from './support.mjs';

const byID = (id) => `[data-testid="${id}"]`;

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, proxy, browser, page;
    const problems = [];
    before(async () => {
      server = await serve('--remote', 'big=http://127.0.0.1:1');
      proxy = await serveFake(server.address, { pace: 10 });
      browser = await launch(name);
      page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 900 });
      page.on('pageerror', (e) => problems.push(e.message));
      await page.goto(proxy.address);
      await state('ready');
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
    });
    const state = (wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 120_000, polling: 20 }, wanted);
    const until = (test, ...values) => page.waitForFunction(test, { timeout: 120_000, polling: 20 }, ...values);
    const last = (id) => page.$$eval(byID(id), (all) => all.at(-1)?.innerText ?? '');
    const count = (id) => page.$$eval(byID(id), (all) => all.length);
    const depth = (value) => page.$eval(`input[name="depth"][value="${value}"]`, (e) => e.click());
    const ask = async (question) => {
      const before = await page.$$eval('h2.question', (all) => all.length);
      await page.type(byID('prompt'), question);
      await page.keyboard.press('Enter');
      await until((n) => document.querySelectorAll('h2.question').length > n, before);
    };

    test('fast asks once, careful takes four samples, thorough sixteen where the device allows, with the budgets', async () => {
      const asked = [];
      for (const value of ['fast', 'careful', 'thorough']) {
        await depth(value);
        await ask('vote 1');
        await state('ready');
        asked.push(await page.evaluate(() => globalThis.fakeStrategy?.n ?? 1));
      }
      assert.deepEqual(asked, [1, 4, 16]);
      await page.click(byID('budgets'));
      await page.select(byID('effort'), 'low');
      await page.type('#setting-thinking_budget', '500');
      await screenshot(page, `${name}-budgets`);
      await page.click(byID('budgets'));
      assert.match(await last('budgets'), /low, up to 500/);
      await page.reload();
      await state('ready');
      assert.match(await last('budgets'), /low, up to 500/, 'they are kept');
      assert.equal(await page.$eval('input[name="depth"]:checked', (e) => e.value), 'thorough');
    });

    test('lanes are seen while it runs, and any can be opened', async () => {
      await depth('careful');
      await page.evaluate(() => (globalThis.fakeHold = true));
      await ask('vote 24 24 25 24');
      await until((q) => [...document.querySelectorAll(q)].slice(-4).every((lane) => /Thinking/.test(lane.innerText)), byID('lane'));
      const lanes = await page.$$(`article:last-of-type ${byID('lane')} > button`);
      assert.equal(lanes.length, 4);
      await lanes[2].click();
      assert.match(await last('lane-text'), /t1/);
      await page.click(byID('think-longer'));
      assert.equal(await page.evaluate(() => globalThis.fakeTold), 'thinkLonger');
      await screenshot(page, `${name}-lanes-running`);
      await page.click(byID('answer-now'));
      await state('ready');
      assert.equal(await page.evaluate(() => globalThis.fakeTold), 'answerNow');
      assert.equal(await page.$(byID('answer-now')), null);
      assert.equal(await last('answer'), 'It is 24');
      assert.match(await last('agreement'), /3 of 4 agree, 75 %/);
      assert.match(await last('stopped-by'), /all have ended/);
      assert.match(await last('spent'), /200 tokens/);
      assert.equal(await page.$$eval(byID('lanes'), (all) => all.at(-1).open), false, 'closed when it is done');
    });

    test('all of it is kept, exported and imported', async () => {
      await page.reload();
      await state('ready');
      await page.$$eval(`${byID('lanes')} > summary`, (all) => all.at(-1).click());
      await until((q) => [...document.querySelectorAll(q)].at(-1).open, byID('lanes'));
      assert.equal(await page.$$eval(`article:last-of-type ${byID('lane')}`, (all) => all.filter((l) => l.dataset.finish === 'stop' && l.querySelector('polyline')).length), 4);
      assert.match(await last('tally'), /24[^]*3[^]*25[^]*1/);
      await screenshot(page, `${name}-lanes-done`);
      const file = await page.evaluate(async () => {
        const { promise, resolve } = Promise.withResolvers();
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => (blob.text().then(resolve), make(blob));
        document.querySelector('[data-testid="settings"]').click();
        setTimeout(() => document.querySelector('[data-testid="export"]').click(), 100);
        return promise;
      });
      const chats = JSON.parse(file).chats;
      const panel = chats[0].messages.at(-1).panel;
      assert.deepEqual([panel.n, panel.lanes.length, panel.result.answer], [4, 4, '24']);
      const changed = structuredClone(JSON.parse(file));
      changed.chats[0].messages.at(-1).panel.lanes[0].finish = 'bored';
      const choose = async (text) => page.$eval('input[type="file"][accept*="json"]', (input, text) => {
        const list = new DataTransfer();
        list.items.add(new File([text], 'chats.json', { type: 'application/json' }));
        input.files = list.files;
        input.dispatchEvent(new Event('change', { bubbles: true }));
      }, text);
      await choose(JSON.stringify(changed));
      await until(() => /finish is not one of/.test(document.querySelector('dialog').textContent));
      await choose(file);
      await until(() => /1 chats imported/.test(document.querySelector('dialog').textContent));
      await page.keyboard.press('Escape');
    });

    test('without a majority it says so, and offers more samples', async () => {
      await ask('vote 7 8');
      await state('ready');
      assert.match(await last('no-majority'), /No answer has a majority/);
      assert.match(await last('answer'), /No majority: 2 × 7, 2 × 8/);
      await page.setViewport({ width: 390, height: 844 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
      await screenshot(page, `${name}-lanes-phone`);
      await page.click(byID('more-samples'));
      await until((q) => document.querySelector(q), byID('branch-next'));
      await state('ready');
      assert.equal(await page.evaluate(() => globalThis.fakeStrategy.n), 8);
    });

    test('a model elsewhere is asked when the user says so, with the samples if they want', async () => {
      assert.equal(await page.evaluate(() => globalThis.fakeRemote), undefined);
      await page.click(byID('ask-elsewhere'));
      assert.match(await page.$eval('dialog', (e) => e.innerText), /leave this computer/);
      await screenshot(page, `${name}-ask-elsewhere`);
      await page.click(byID('enclose'));
      await page.click(byID('ask-elsewhere-now'));
      await until((q) => [...document.querySelectorAll(q)].at(-1)?.innerText === 'elsewhere', byID('answer'));
      await state('ready');
      const { url, messages, strategy } = await page.evaluate(() => globalThis.fakeRemote);
      assert.match(url, /\/remote\/big$/);
      assert.match(messages.at(-1).content, /^vote 7 8\n\n[^]*Attempt 8:\nt1/);
      assert.equal(strategy, undefined);
      assert.match(await page.$eval('article:last-of-type .counts', (e) => e.innerText), /big/, 'it says who has answered');
      assert.equal(await page.$eval('h2.question:last-of-type', (e) => e.innerText.includes('Attempt')), false);
      await page.setViewport({ width: 1280, height: 900 });
    });

    test('stopped, what has come of the lanes stays', async () => {
      await page.evaluate(() => (globalThis.fakeHold = true));
      await ask('vote 1 2');
      await until((q) => document.querySelectorAll(q).length >= 4, `article:last-of-type ${byID('lane')}`);
      await page.keyboard.press('Escape');
      await state('ready');
      await page.$$eval(`${byID('lanes')} > summary`, (all) => all.at(-1).click());
      assert.equal(await page.$$eval(`article:last-of-type ${byID('lane')}[data-finish="abort"]`, (all) => all.length), 4);
      assert.equal(await page.$(`article:last-of-type ${byID('continue')}`), null);
      assert.ok((await count('lanes')) > 1);
      assert.deepEqual(problems, []);
    });

    test('interrupted by a reload, its lanes are there, and it is made anew', async () => {
      await page.evaluate(() => (globalThis.fakeHold = true));
      await ask('vote 5 5');
      await until((q) => document.querySelectorAll(q).length >= 4, `article:last-of-type ${byID('lane')}`);
      await new Promise((resolve) => setTimeout(resolve, 1200)); // it is kept once a second
      await page.reload();
      await state('ready');
      await page.waitForSelector(byID('interrupted'));
      assert.equal(await page.$$eval(`article:last-of-type ${byID('lane')}`, (all) => all.length), 4);
      await page.click(byID('continue'));
      await until((q) => [...document.querySelectorAll(q)].at(-1)?.innerText === 'It is 5', byID('answer'));
      await state('ready');
      assert.match(await last('agreement'), /4 of 4 agree/);
    });

    test('pocket, careful', async () => {
      await page.goto(server.address);
      await state('ready');
      await depth('careful');
      await ask('What is 47 + 85?');
      await until((q) => document.querySelectorAll(q).length === 4, byID('lane'));
      await state('ready');
      assert.match(await last('answer'), /132/);
      assert.match(await last('agreement'), /agree/);
      await screenshot(page, `${name}-lanes-pocket`);
      assert.deepEqual(problems, []);
    });
  });
}
