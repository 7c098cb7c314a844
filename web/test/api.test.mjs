// The public API: streaming, seeds, stopping, and what goes wrong. In Chromium; the goldens run it in both browsers.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch, root, serve } from './support.mjs';

const pocket = path.join(root, 'web/dist/models/pocket');
const manifest = JSON.parse(readFileSync(path.join(pocket, 'model.json'), 'utf8'));
const shard = readdirSync(pocket).find((name) => name.endsWith('.bin'));

/** Ways to spoil a model after the server has opened it, and the code of the error that load rejects with. */
const damages = {
  'a damaged shard': { code: 'bad_hash', names: shard, spoil: (dir) => flip(path.join(dir, shard)) },
  'a missing shard': { code: 'download_failed', names: shard, spoil: (dir) => rmSync(path.join(dir, shard)) },
  'a truncated shard': { code: 'download_failed', names: shard, spoil: (dir) => writeFileSync(path.join(dir, shard), readFileSync(path.join(dir, shard)).subarray(0, 1000)) },
  'a damaged tokenizer': { code: 'bad_hash', names: 'tokenizer.json', spoil: (dir) => flip(path.join(dir, 'tokenizer.json')) },
};

function flip(file) {
  const data = readFileSync(file);
  data[data.length >> 1] ^= 1;
  writeFileSync(file, data);
}

describe('the API', () => {
  let models, server, browser, page;
  before(async () => {
    models = mkdtempSync(path.join(tmpdir(), 'tabseek-damaged-'));
    const copies = Object.keys(damages).map((name, i) => [name, path.join(models, `damaged-${i}`)]);
    for (const [, dir] of copies) cpSync(pocket, dir, { recursive: true });
    server = await serve('--models', models);
    for (const [name, dir] of copies) damages[name].spoil(dir);
    browser = await launch('chromium');
    page = await browser.newPage();
    await page.goto(`${server.address}/healthz`);
    await page.evaluate(async () => {
      globalThis.tabseek = await import('/tabseek.js');
      globalThis.progress = [];
      globalThis.engine = await globalThis.tabseek.load('/models/pocket', { onProgress: (p) => globalThis.progress.push(p) });
    });
  });
  after(async () => {
    await browser?.close();
    server?.stop();
    if (models) rmSync(models, { recursive: true });
  });

  test('loading reports every byte', async () => {
    const last = await page.evaluate(() => globalThis.progress.at(-1));
    assert.equal(last.phase, 'weights');
    assert.equal(last.loaded, last.total);
    assert.ok(last.total > 1e6);
  });

  test('a stream has reasoning, then content, then usage', async () => {
    const chunks = await page.evaluate(async () => {
      const out = [];
      const messages = [{ role: 'user', content: 'What is 47 + 85?' }];
      for await (const c of await engine.chat.completions.create({ messages, stream: true, temperature: 0 })) out.push(c);
      return out;
    });
    const joined = (field) => chunks.map((c) => c.choices[0].delta[field] ?? '').join('');
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.match(joined('reasoning_content'), /7\+5=12/);
    assert.match(joined('content'), /132/);
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    const { usage, stats } = chunks.at(-1);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.ok(stats.guest_heap_bytes < 64 << 20);
  });

  test('a seed makes an answer repeatable, n makes several', async () => {
    const texts = await page.evaluate(async () => {
      const ask = async (seed, n) => {
        const request = { messages: [{ role: 'user', content: 'Tell me a story about bread' }], temperature: 50, top_p: 1, max_tokens: 24, seed, n };
        const { choices } = await engine.chat.completions.create(request);
        return choices.map((c) => c.message.reasoning_content + c.message.content);
      };
      return [await ask(1), await ask(1), await ask(1, 2)];
    });
    assert.deepEqual(texts[0], texts[1]);
    assert.equal(texts[2].length, 2);
    assert.equal(texts[2][0], texts[0][0]);
    assert.notEqual(texts[2][1], texts[2][0]);
  });

  test('max_tokens ends with length, a signal with abort', async () => {
    const reasons = await page.evaluate(async () => {
      const messages = [{ role: 'user', content: '12 * 34' }];
      const cut = await engine.chat.completions.create({ messages, max_tokens: 5 });
      const controller = new AbortController();
      const stream = await engine.chat.completions.create({ messages, stream: true, signal: controller.signal, temperature: 0 });
      let last;
      for await (const c of stream) {
        last = c.choices[0].finish_reason;
        if (c.choices[0].delta.reasoning_content) controller.abort();
      }
      return [cut.choices[0].finish_reason, cut.usage.completion_tokens, last];
    });
    assert.deepEqual(reasons, ['length', 5, 'abort']);
  });

  const refused = {
    'a token outside the vocabulary': ['bad_request', 'engine.generate([256, 100000])'],
    'an empty prompt': ['bad_request', 'engine.generate([])'],
    'a prompt longer than the context': ['context_full', 'engine.generate(Array(5000).fill(65))'],
    'a negative temperature': ['bad_request', 'engine.generate([256], { temperature: -1 })'],
    'a role nobody knows': ['bad_request', 'engine.chat.completions.create({ messages: [{ role: "tool", content: "x" }] })'],
    'a model that is not there': ['download_failed', 'tabseek.load("/models/nothing")'],
    'an absurd context': ['bad_request', 'tabseek.load("/models/pocket", { context: 1e9 })'],
  };
  for (const [name, [code, call]] of Object.entries(refused)) {
    test(`${name} is refused`, async () => {
      const error = await page.evaluate(`${call}.then(() => null, (e) => ({ name: e.name, code: e.code, message: e.message }))`);
      assert.equal(error?.name, 'TabseekError');
      assert.equal(error.code, code, error.message);
      assert.doesNotMatch(error.message, /\n/);
    });
  }

  /** Manifests that no server of ours would hand out, and the code that load rejects with. */
  const manifests = {
    'a manifest that is not JSON': ['no', 'bad_model', 'model.json'],
    'another architecture': [JSON.stringify({ ...manifest, architecture: { ...manifest.architecture, model_type: 'llama' } }), 'bad_model', 'llama'],
    'a width that is absurd': [JSON.stringify({ ...manifest, architecture: { ...manifest.architecture, hidden_size: 1e9 } }), 'bad_model', 'hidden_size'],
    'a manifest without a tokenizer': ['{}', 'bad_model', 'tokenizer'],
  };
  for (const [name, [content, code, says]] of Object.entries(manifests)) {
    test(`${name} is refused`, async () => {
      const session = await page.createCDPSession();
      await session.send('Fetch.enable', { patterns: [{ urlPattern: '*/model.json' }] });
      session.on('Fetch.requestPaused', ({ requestId }) =>
        session.send('Fetch.fulfillRequest', { requestId, responseCode: 200, body: Buffer.from(content).toString('base64') }),
      );
      const error = await page.evaluate(() => globalThis.tabseek.load('/models/pocket').then(() => null, (e) => ({ code: e.code, message: e.message })));
      await session.send('Fetch.disable');
      await session.detach();
      assert.equal(error?.code, code, error?.message);
      assert.ok(error.message.includes(says), error.message);
    });
  }

  test('after all that it still answers', async () => {
    const answer = await page.evaluate(async () => (await engine.chat.completions.create({ messages: [{ role: 'user', content: '9 + 8' }], temperature: 0 })).choices[0].message.content);
    assert.match(answer, /\b17\b/);
  });

  Object.entries(damages).forEach(([name, { code, names }], i) => {
    test(`${name} is named`, async () => {
      const error = await page.evaluate((url) => globalThis.tabseek.load(url).then(() => null, (e) => ({ code: e.code, message: e.message })), `/models/damaged-${i}`);
      assert.equal(error?.code, code, error?.message);
      assert.ok(error.message.includes(names), error.message);
    });
  });
});
