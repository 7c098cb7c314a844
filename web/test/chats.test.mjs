// Chats are kept: through reloads, killed tabs, edits, exports and imports, and with several tabs at work. A stand-in
// answers in place of the engine. In both browsers.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { serveFake } from './fake.mjs';
import { browsers, launch, screenshot, serve } from './support.mjs';

const byID = (id) => `[data-testid="${id}"]`;

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, proxy, browser, page, folder;
    const problems = [];
    before(async () => {
      server = await serve();
      proxy = await serveFake(server.address);
      browser = await launch(name);
      page = await openPage();
      folder = mkdtempSync(path.join(tmpdir(), 'tabseek-chats-'));
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
      if (folder) rmSync(folder, { recursive: true });
    });

    async function openPage(address = proxy.address) {
      const page = await browser.newPage();
      await page.setViewport({ width: 1100, height: 800 });
      page.on('pageerror', (e) => problems.push(e.message));
      await page.goto(address);
      await state(page, 'ready');
      return page;
    }
    const state = (page, wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 120_000, polling: 20 }, wanted);
    const until = (page, test, ...values) => page.waitForFunction(test, { timeout: 120_000, polling: 20 }, ...values);
    const texts = (page, id) => page.$$eval(byID(id), (all) => all.map((e) => e.innerText.trim()));
    const questions = (page) => page.$$eval('h2.question', (all) => all.map((e) => e.lastChild.textContent));
    const write = async (page, question) => {
      await page.focus(byID('prompt'));
      await page.keyboard.type(question);
      await page.keyboard.press('Enter');
    };
    const ask = async (page, question) => {
      const n = (await questions(page)).length;
      await write(page, question);
      await until(page, (n) => document.querySelectorAll('h2.question').length > n, n);
      await state(page, 'ready');
      return (await texts(page, 'answer')).at(-1);
    };
    const newChat = async (page) => {
      await page.click(byID('new-chat'));
      await until(page, () => document.querySelectorAll('h2.question').length === 0);
    };
    const openChat = async (page, title) => {
      await page.evaluate((t) => [...document.querySelectorAll('[data-testid="chat-item"]')].find((e) => e.innerText.includes(t)).click(), title);
      await until(page, (t) => document.querySelector('[aria-current="page"]')?.innerText.includes(t), title);
    };
    const act = async (page, title, action) => {
      await page.evaluate((t) => [...document.querySelectorAll('.chat-row')].find((e) => e.innerText.includes(t)).querySelector('[data-testid="chat-menu"]').click(), title);
      await page.waitForSelector(byID(action));
      await page.click(byID(action));
    };
    const closeDialog = async (page) => {
      await page.keyboard.press('Escape');
      await until(page, () => !document.querySelector('dialog'));
    };
    /** What the store holds. */
    const stored = (page) =>
      page.evaluate(async () => {
        const db = await new Promise((resolve, reject) => {
          const request = indexedDB.open('tabseek-chats');
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        const all = (store) => new Promise((resolve) => (db.transaction(store).objectStore(store).getAll().onsuccess = (e) => resolve(e.target.result)));
        const content = { chats: await all('chats'), messages: await all('messages') };
        db.close();
        return content;
      });

    test('a reload keeps the chat that is open, and the list', async () => {
      assert.equal(await ask(page, 'say one'), 'one');
      assert.equal(await ask(page, 'say two'), 'two');
      await newChat(page);
      assert.equal(await ask(page, 'think 3'), 'done');
      await openChat(page, 'say one');
      await page.reload();
      await until(page, () => document.querySelectorAll('h2.question').length === 2);
      assert.deepEqual(await questions(page), ['say one', 'say two']);
      assert.deepEqual(await texts(page, 'answer'), ['one', 'two']);
      assert.deepEqual(await texts(page, 'chat-item'), ['think 3', 'say one']);
      await openChat(page, 'think 3');
      assert.match((await texts(page, 'thinking'))[0], /^Thought for 0\.\d/);
      await screenshot(page, `${name}-chats`);
    });

    test('a screen reader hears an answer block by block', async () => {
      await newChat(page);
      await page.evaluate((q) => {
        globalThis.heard = [];
        new MutationObserver((all) => all.forEach((m) => m.addedNodes.forEach((n) => n.parentElement?.matches?.(q) && globalThis.heard.push(n.textContent)))).observe(document.body, { childList: true, subtree: true });
      }, byID('announcer'));
      await page.$eval(byID('prompt'), (area) => {
        area.value = `say ${Array.from({ length: 6 }, (_, i) => `Paragraph ${i} says a little.`).join('\n\n')}`;
        area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      });
      await page.click(byID('send'));
      await state(page, 'generating');
      await state(page, 'ready');
      const heard = await page.evaluate(() => globalThis.heard);
      assert.equal(heard.join('\n'), Array.from({ length: 6 }, (_, i) => `Paragraph ${i} says a little.`).join('\n'));
      assert.ok(heard.length > 2, `in ${heard.length} pieces`);
    });

    test('a question that is not sent survives a reload', async () => {
      await page.focus(byID('prompt'));
      await page.keyboard.type('half a quest');
      await page.reload();
      await state(page, 'ready');
      assert.equal(await page.$eval(byID('prompt'), (e) => e.value), 'half a quest');
      await page.$eval(byID('prompt'), (e) => e.select());
      await page.keyboard.press('Backspace');
    });

    test('chats are read with no server and no GPU', async () => {
      const bare = await browser.newPage();
      await bare.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
      await bare.goto(proxy.address);
      await state(bare, 'error');
      await until(bare, () => document.querySelectorAll('h2.question').length === 1);
      await openChat(bare, 'say one');
      assert.deepEqual(await texts(bare, 'answer'), ['one', 'two']);
      await bare.close();
    });

    test('an edited question and another answer are branches', async () => {
      await newChat(page);
      await ask(page, 'say red');
      await ask(page, 'say more');
      await page.click(byID('edit')); // the first question
      assert.equal(await page.evaluate(() => document.activeElement.value), 'say red');
      await page.$eval(byID('edit-box'), (e) => e.select());
      await page.keyboard.type('say blue');
      await page.keyboard.press('Enter');
      await until(page, () => document.querySelector('[data-testid="answer"]')?.innerText.includes('blue'));
      await state(page, 'ready');
      assert.deepEqual(await questions(page), ['say blue']);
      await page.click(byID('regenerate'));
      await until(page, () => document.querySelectorAll('.branches').length === 2);
      await state(page, 'ready');
      assert.deepEqual(await page.$$eval('.branches', (all) => all.map((e) => e.innerText.trim())), ['2/2', '2/2']);
      await page.reload();
      await until(page, () => document.querySelectorAll('.branches').length === 2);
      await page.click(byID('branch-prev'));
      await until(page, () => document.querySelectorAll('h2.question').length === 2);
      assert.deepEqual(await questions(page), ['say red', 'say more']);
      await page.click(byID('branch-next'));
      await until(page, () => document.querySelectorAll('h2.question').length === 1);
      assert.deepEqual(await questions(page), ['say blue']);
      await screenshot(page, `${name}-branches`);
    });

    test('a failed answer says so after a reload, too', async () => {
      await newChat(page);
      await write(page, 'fail');
      await state(page, 'error');
      for (let kept = false; !kept; ) kept = (await stored(page)).messages.some((m) => m.error); // shown at once, and kept a moment later
      await page.reload();
      await until(page, () => document.querySelector('[data-testid="failure"][data-code="device_lost"]'));
      assert.match((await texts(page, 'failure'))[0], /as asked/);
    });

    test('a stopped answer is kept, and goes on where it was', async () => {
      await state(page, 'ready');
      await newChat(page);
      await write(page, 'count 40');
      await until(page, () => document.querySelector('[data-testid="answer"]')?.innerText.includes('w5'));
      await page.click(byID('stop'));
      await state(page, 'ready');
      await page.reload();
      await state(page, 'ready');
      const before = (await texts(page, 'answer'))[0];
      assert.match(before, /w5/);
      assert.doesNotMatch(before, /w39/);
      await page.click(byID('continue'));
      await until(page, () => document.querySelector('[data-testid="answer"]')?.innerText.includes('w39'));
      assert.deepEqual((await texts(page, 'answer'))[0].split(' '), Array.from({ length: 40 }, (_, i) => `w${i}`));
    });

    test('an answer whose tab is killed is marked as interrupted, and goes on', async () => {
      const doomed = await openPage();
      await newChat(doomed);
      await write(doomed, 'think 200');
      await until(doomed, () => document.querySelector('[data-testid="thinking"]')?.innerText.includes('t80'));
      await screenshot(doomed, `${name}-thinking`);
      await doomed.close();
      const heir = await openPage();
      await heir.waitForSelector(byID('interrupted'));
      const thought = await heir.$eval(byID('thinking'), (e) => e.textContent);
      assert.match(thought, /^Thought for [1-9]/, 'the time is kept');
      assert.match(thought, /t20\b/, 'a second of thoughts is lost at most');
      await screenshot(heir, `${name}-interrupted`);
      await heir.click(`${byID('interrupted')} ${byID('continue')}`);
      await until(heir, () => document.querySelector('[data-testid="answer"]')?.innerText === 'done');
      const words = await heir.$eval(`${byID('thinking')} .markdown`, (e) => e.textContent.trim().split(/\s+/));
      assert.deepEqual(words, Array.from({ length: 200 }, (_, i) => `t${i}`));
      assert.equal(await heir.$(byID('interrupted')), null);
      await heir.close();
    });

    test('chats are renamed, pinned, deleted and had back', async () => {
      await act(page, 'think 3', 'rename');
      await page.keyboard.type('Mull it over');
      await page.keyboard.press('Enter');
      await act(page, 'Mull it over', 'pin');
      await until(page, () => document.querySelector('[data-testid="chat-item"]').innerText === 'Mull it over');
      await page.reload();
      await until(page, () => document.querySelector('[data-testid="chat-item"]')?.innerText === 'Mull it over');
      const before = await stored(page);
      await act(page, 'Mull it over', 'delete-chat');
      await until(page, () => ![...document.querySelectorAll('[data-testid="chat-item"]')].some((e) => e.innerText === 'Mull it over'));
      assert.equal((await stored(page)).chats.length, before.chats.length - 1);
      await page.click(byID('undo'));
      await until(page, () => document.querySelector('[data-testid="chat-item"]').innerText === 'Mull it over');
      assert.deepEqual(await stored(page), before);
    });

    test('a search finds chats by title and text', async () => {
      const search = async (query) => {
        await page.keyboard.down('Control');
        await page.keyboard.press('k');
        await page.keyboard.up('Control');
        await until(page, () => document.activeElement.id === 'search');
        await page.$eval(byID('search'), (e) => e.select());
        await page.keyboard.type(query);
      };
      await search('MULL over');
      await until(page, () => document.querySelectorAll('[data-testid="chat-item"]').length === 1);
      assert.deepEqual(await texts(page, 'chat-item'), ['Mull it over']);
      await search('w39');
      await until(page, () => document.querySelector('[data-testid="chat-item"]').innerText === 'count 40');
      assert.deepEqual(await texts(page, 'chat-item'), ['count 40']);
      await search('nowhere');
      await until(page, () => document.querySelectorAll('[data-testid="chat-item"]').length === 0);
      await page.keyboard.press('Escape');
      await until(page, () => document.querySelectorAll('[data-testid="chat-item"]').length > 3);
    });

    test('two tabs answer at the same time, in one chat, and nothing is lost', async () => {
      await newChat(page);
      await ask(page, 'say both');
      const other = await openPage();
      await until(other, () => document.querySelectorAll('h2.question').length === 1);
      const asked = [[page, 'count 30', 'w29'], [other, 'count 31', 'w30']];
      for (const [tab, question] of asked) {
        await tab.focus(byID('prompt'));
        await tab.keyboard.type(question);
      }
      const at = Date.now() + 500;
      await Promise.all(asked.map(async ([tab, , last]) => {
        await tab.evaluate((at) => void setTimeout(() => document.querySelector('[data-testid="send"]').click(), at - Date.now()), at);
        await until(tab, (last) => [...document.querySelectorAll('[data-testid="answer"]')].some((e) => e.innerText.trim().endsWith(last)), last);
        await state(tab, 'ready');
      }));
      const { messages } = await stored(page);
      for (const [, text, last] of asked) {
        const question = messages.find((m) => m.content === text);
        assert.ok(messages.find((m) => m.parent === question.id).content.trim().endsWith(last));
      }
      await other.close();
    });

    /** The exported file, caught on its way to the disk. */
    const exported = async (page) => {
      await page.click(byID('settings'));
      await page.waitForSelector(byID('export'));
      const file = await page.evaluate(
        () =>
          new Promise((resolve) => {
            const click = HTMLAnchorElement.prototype.click;
            HTMLAnchorElement.prototype.click = function () {
              HTMLAnchorElement.prototype.click = click;
              void fetchBlob(this.href).then((text) => resolve({ name: this.download, text }));
            };
            const make = URL.createObjectURL;
            let made;
            URL.createObjectURL = (blob) => ((URL.createObjectURL = make), make((made = blob)));
            const fetchBlob = async () => made.text();
            document.querySelector('[data-testid="export"]').click();
          }),
      );
      await closeDialog(page);
      return file;
    };
    const importFile = async (page, text) => {
      await page.bringToFront();
      const file = path.join(folder, 'chats.json');
      writeFileSync(file, text);
      await page.click(byID('settings'));
      const input = await page.waitForSelector(byID('import'));
      await input.uploadFile(file);
    };

    test('an export is imported into an empty browser as it was', async () => {
      const { name: file, text } = await exported(page);
      assert.match(file, /^tabseek-chats-\d{4}-\d\d-\d\d\.json$/);
      const { exported_at, ...all } = JSON.parse(text);
      assert.equal(all.version, 1);
      assert.ok(Date.parse(exported_at));
      assert.ok(all.chats.length > 4);
      const context = await browser.createBrowserContext();
      const empty = await context.newPage();
      await empty.goto(proxy.address);
      await state(empty, 'ready');
      await importFile(empty, text);
      await until(empty, (n) => document.querySelectorAll('[data-testid="chat-item"]').length === n, all.chats.length);
      await closeDialog(empty);
      const again = JSON.parse((await exported(empty)).text);
      delete again.exported_at;
      assert.deepEqual(again, all);
      await importFile(empty, text);
      await until(empty, () => document.querySelector('.transfer [role="status"]').innerText);
      assert.equal((await empty.$$(byID('chat-item'))).length, all.chats.length, 'a second import changes nothing');
      await context.close();
    });

    test('corrupt and foreign files change nothing', async () => {
      const good = JSON.parse((await exported(page)).text);
      const spoilt = (spoil) => {
        const file = structuredClone(good);
        spoil(file, file.chats.find((c) => c.messages.length > 2));
        return JSON.stringify(file);
      };
      const files = {
        'not JSON': JSON.stringify(good).slice(0, -40),
        'format': '[{"mapping":{}}]',
        'its format is "other"': spoilt((f) => (f.format = 'other')),
        'has version 2': spoilt((f) => (f.version = 2)),
        'title is not a text': spoilt((_, c) => (c.title = 7)),
        'role is not one of user, assistant': spoilt((_, c) => (c.messages[1].role = 'system')),
        'no message before it': spoilt((_, c) => (c.messages[1].parent = 'elsewhere')),
        'circle': spoilt((_, c) => {
          const question = c.messages.find((m) => m.role === 'user' && m.parent);
          question.parent = c.messages.find((m) => m.parent === question.id).id;
        }),
        'leaf is not one of the messages': spoilt((_, c) => (c.leaf = 'nothing')),
        'the same id': spoilt((f) => f.chats.push(f.chats[0])),
        'part of another chat here': spoilt((f) => f.chats.forEach((c) => (c.id = `x${c.id}`))),
      };
      const before = await stored(page);
      for (const [reason, text] of Object.entries(files)) {
        await importFile(page, text);
        await page.waitForSelector(`${byID('failure')}[data-code="bad_import"]`);
        if (reason !== 'format') assert.match((await texts(page, 'failure'))[0], new RegExp(reason));
        assert.deepEqual(await stored(page), before, reason);
        await closeDialog(page);
      }
    });

    test('a store of a later version is left as it is', async () => {
      const context = await browser.createBrowserContext();
      const tab = await context.newPage();
      await tab.goto(`${proxy.address}/icon.svg`);
      const versions = () =>
        tab.evaluate(async () => {
          const db = await new Promise((resolve) => (indexedDB.open('tabseek-chats').onsuccess = (e) => resolve(e.target.result)));
          const notes = await new Promise((resolve) => (db.transaction('notes').objectStore('notes').getAll().onsuccess = (e) => resolve(e.target.result)));
          db.close();
          return { version: db.version, stores: [...db.objectStoreNames], notes };
        });
      await tab.evaluate(
        () =>
          new Promise((resolve) => {
            const request = indexedDB.open('tabseek-chats', 99);
            request.onupgradeneeded = () => request.result.createObjectStore('notes').put('from the future', 1);
            request.onsuccess = () => (request.result.close(), resolve());
          }),
      );
      const before = await versions();
      await tab.goto(proxy.address);
      await tab.waitForSelector(`${byID('failure')}[data-code="store_newer"]`);
      await state(tab, 'ready');
      assert.equal(await ask(tab, 'say still'), 'still');
      assert.deepEqual(await versions(), before);
      await context.close();
    });

    test('likely other tokens show on hovering, if asked for', async () => {
      await page.click(byID('settings'));
      await page.click(byID('logprobs'));
      await closeDialog(page);
      await newChat(page);
      await ask(page, 'count 3');
      await page.click(byID('probabilities'));
      assert.deepEqual(await page.$$eval('.tokens span', (all) => all.map((e) => e.title)), ['w0 ', 'w1 ', 'w2 '].map((w) => `"${w}"  61 %\n"other"  37 %`));
    });

    test('the page threw nothing', () => assert.deepEqual(problems, []));
  });
}
