// Tabs, and whole browsers, are killed at random points while chats are saved; no chat is lost or damaged.
// TABSEEK_CRASHES says how many tabs; .ci/soak has many more.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { serveFake } from './fake.mjs';
import { browsers, launch, serve } from './support.mjs';

const CRASHES = Number(process.env.TABSEEK_CRASHES ?? 30);

/** So many tabs are at work, and die, at the same time. */
const AT_ONCE = 6;

const byID = (id) => `[data-testid="${id}"]`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const settled = (promise) => Promise.race([promise.catch(() => {}), sleep(3000)]);
const state = (page, wanted) => page.waitForFunction((s) => document.documentElement.dataset.state === s, { timeout: 120_000, polling: 20 }, wanted);

/** What the store holds, checked: every message belongs to a chat and follows one that is there, and each chat ends in one of its own. */
async function stored(page) {
  const { chats, messages } = await page.evaluate(async () => {
    const db = await new Promise((resolve) => (indexedDB.open('tabseek-chats').onsuccess = (e) => resolve(e.target.result)));
    const all = (store) => new Promise((resolve) => (db.transaction(store).objectStore(store).getAll().onsuccess = (e) => resolve(e.target.result)));
    const content = { chats: await all('chats'), messages: await all('messages') };
    db.close();
    return content;
  });
  const byKey = new Map(messages.map((m) => [m.id, m]));
  for (const m of messages) {
    assert.ok(chats.some((c) => c.id === m.chat), `message ${m.id} has lost its chat`);
    if (m.parent) assert.equal(byKey.get(m.parent)?.chat, m.chat, `message ${m.id} has lost the one before it`);
  }
  for (const c of chats) assert.equal(byKey.get(c.leaf)?.chat, c.id, `chat ${c.title} has lost its end`);
  return { chats, messages };
}

/** Asks, and tells by `seen` what the page has shown: whether the question counts as kept, and the answer's text. */
async function ask(page, question, seen) {
  await page.exposeFunction('tell', (kept, text) => seen.push({ at: Date.now(), kept, text }));
  await page.click(byID('new-chat'));
  await page.type(byID('prompt'), question);
  await page.evaluate(() => {
    document.querySelector('[data-testid="send"]').click();
    const tell = () => globalThis.tell(!sessionStorage.getItem('tabseek.draft'), document.querySelector('[data-testid="answer"]')?.textContent ?? '');
    setInterval(tell, 25);
  });
}

/** What was shown is in the store, but for what came in the last moments. */
function checkKept({ messages }, question, seen, killed) {
  const answer = messages.find((m) => m.parent && m.parent === messages.find((q) => q.content === question)?.id);
  if (seen.some((s) => s.kept)) assert.ok(answer, `${question} was kept, and is gone`);
  const before = seen.findLast((s) => s.at < killed - 2500)?.text.trim() ?? '';
  if (before) assert.ok(answer.content.startsWith(before), `${question}: ${JSON.stringify(answer.content)} has lost some of ${JSON.stringify(before)}`);
}

describe('chromium', () => {
  let server, proxy, browser;
  before(async () => {
    server = await serve();
    proxy = await serveFake(server.address, { pace: 10 });
    browser = await launch('chromium');
  });
  after(async () => {
    await browser?.close();
    proxy?.stop();
    server?.stop();
  });
  const open = async () => {
    const page = await browser.newPage();
    await page.goto(proxy.address);
    await state(page, 'ready');
    return page;
  };

  test(`${CRASHES} tabs that crash`, { timeout: CRASHES * 20_000 }, async () => {
    const witness = await open();
    await witness.type(byID('prompt'), 'say before');
    await witness.keyboard.press('Enter');
    await state(witness, 'generating');
    await state(witness, 'ready');
    let earlier = (await stored(witness)).messages;
    let kept = 0;
    for (let crashed = 0; crashed < CRASHES; crashed += AT_ONCE) {
      const tabs = await Promise.all(Array.from({ length: Math.min(AT_ONCE, CRASHES - crashed) }, async (_, i) => ({ page: await open(), question: `count ${1000 + crashed + i}`, seen: [] })));
      await Promise.all(
        tabs.map(async (tab, i) => {
          const session = await tab.page.createCDPSession();
          // Asking, too, may be cut short: tabs of one origin may share a process, which dies with the first.
          await settled(ask(tab.page, tab.question, tab.seen));
          await sleep(Math.random() * (i === 0 ? 3500 : 500));
          tab.killed = Date.now();
          void session.send('Page.crash').catch(() => {});
        }),
      );
      await sleep(100);
      await Promise.all(tabs.map((tab) => settled(tab.page.close())));
      const now = await stored(witness.isClosed() ? await open() : witness);
      const ids = new Map(now.messages.map((m) => [m.id, m]));
      for (const m of earlier) assert.deepEqual(ids.get(m.id), m, 'what was there before stays as it was');
      const killed = Math.min(...tabs.map((t) => t.killed));
      for (const tab of tabs) checkKept(now, tab.question, tab.seen, killed);
      kept += tabs.filter((tab) => tab.seen.some((s) => s.kept)).length;
      earlier = now.messages;
    }
    assert.ok(kept > 0, 'some questions were kept before their tab died');
  });
});

for (const name of Object.keys(browsers)) {
  test(`${name}: a browser that is killed`, async () => {
    const userDataDir = mkdtempSync(path.join(tmpdir(), 'tabseek-profile-'));
    const server = await serve();
    const proxy = await serveFake(server.address, { pace: 10 });
    let browser;
    try {
      browser = await launch(name, { userDataDir });
      const page = await browser.newPage();
      await page.goto(proxy.address);
      await state(page, 'ready');
      const seen = [];
      await ask(page, 'count 1000', seen);
      while (!seen.at(-1)?.text.includes('w150')) await sleep(50);
      browser.process().kill('SIGKILL');
      const killed = Date.now();
      await sleep(500);
      browser = await launch(name, { userDataDir });
      const heir = await browser.newPage();
      await heir.goto(proxy.address);
      await heir.waitForSelector(byID('interrupted'), { timeout: 20_000 });
      checkKept(await stored(heir), 'count 1000', seen, killed);
    } finally {
      await browser?.close();
      proxy.stop();
      server.stop();
      rmSync(userDataDir, { recursive: true, force: true });
    }
  });
}
