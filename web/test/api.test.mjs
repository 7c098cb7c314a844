// The public API: shapes, streaming, seeds, stopping, and what is refused. In Chromium; settle and the goldens run it in both
// browsers.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch, root, serve } from './support.mjs';

const pocket = path.join(root, 'web/dist/models/pocket');
const manifest = JSON.parse(readFileSync(path.join(pocket, 'model.json'), 'utf8'));
const shard = readdirSync(pocket).find((name) => name.startsWith('sha256-'));

/** Ways to spoil a model after the server has opened it, and the code of the error that load rejects with. */
const damages = {
  'a damaged shard': { code: 'bad_hash', names: shard, spoil: (dir) => flip(path.join(dir, shard)) },
  'a missing shard': { code: 'download_failed', names: shard, spoil: (dir) => rmSync(path.join(dir, shard)) },
  'a truncated shard': { code: 'download_failed', names: shard, spoil: (dir) => writeFileSync(path.join(dir, shard), readFileSync(path.join(dir, shard)).subarray(0, 1000)) },
  'a damaged tokenizer': { code: 'bad_hash', names: 'tokenizer.bin', spoil: (dir) => flip(path.join(dir, 'tokenizer.bin')) },
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
    const last = await page.evaluate(() => globalThis.progress.findLast((p) => p.phase === 'download'));
    assert.equal(last.loaded, last.total);
    assert.ok(last.total > 1e6);
  });

  test('experts are counted', async () => {
    const [before, after, stats] = await page.evaluate(async () => {
      const before = await globalThis.engine.experts();
      await globalThis.engine.generate([1, 2, 3], { max_tokens: 20, draft: 'off', temperature: 0 });
      return [before, await globalThis.engine.experts(), await globalThis.engine.stats()];
    });
    assert.equal(before.layers.length, manifest.architecture.num_hidden_layers);
    const visits = ({ layers }) => layers.map((layer) => layer.reduce((sum, n) => sum + n, 0));
    const grown = visits(after).map((n, i) => n - visits(before)[i]);
    const routed = after.layers.map((layer) => layer.length > 0);
    assert.ok(grown.every((n, i) => (n > 0) === routed[i] && n % manifest.architecture.num_experts_per_tok === 0));
    assert.ok(stats.completion_tokens > 0, 'stats are those of the answer');
  });

  test('log-probabilities, biases and penalties', async () => {
    const got = await page.evaluate(async () => {
      const ask = (more) => globalThis.engine.chat.completions.create({ messages: [{ role: 'user', content: 'What is 2 + 3?' }], temperature: 0, ...more });
      const plain = await ask({ logprobs: true, top_logprobs: 3 });
      const first = plain.choices[0].logprobs.content[0];
      const banned = await ask({ logit_bias: { [first.id]: -100 }, max_tokens: 200 });
      const repeating = { messages: [{ role: 'user', content: 'What is 1111 + 1111?' }], max_tokens: 40 };
      const [free, penalised] = [await ask(repeating), await ask({ ...repeating, presence_penalty: 2, frequency_penalty: 2 })];
      return { plain, banned: banned.choices[0].message.content, free: free.choices[0].message, penalised: penalised.choices[0].message };
    });
    const { message, logprobs } = got.plain.choices[0];
    assert.equal(logprobs.content.map((t) => t.token).join('').trim(), message.content.trim());
    for (const token of logprobs.content) {
      assert.ok(token.logprob <= 0 && token.top_logprobs.length === 3);
      assert.equal(token.top_logprobs[0].id, token.id, 'greedy takes the likeliest');
      assert.ok(token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob);
    }
    assert.ok(!got.banned.startsWith(logprobs.content[0].token));
    assert.notDeepEqual(got.penalised, got.free);
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
    const { reasoning_tokens } = usage.completion_tokens_details;
    assert.ok(reasoning_tokens > 10 && reasoning_tokens < usage.completion_tokens, `${reasoning_tokens} of ${usage.completion_tokens} are reasoning`);
    assert.ok(stats.guest_heap_bytes < 64 << 20);
  });

  test('every chunk and the whole have id, created, model and object', async () => {
    const { list, whole } = await page.evaluate(async () => {
      const request = { messages: [{ role: 'user', content: '9 + 8' }], max_tokens: 3 };
      const list = [];
      for await (const c of await engine.chat.completions.create({ ...request, stream: true })) list.push(c);
      return { list, whole: await engine.chat.completions.create(request) };
    });
    for (const c of [...list, whole]) {
      assert.match(c.id, /^chatcmpl-\w+$/);
      assert.ok(Math.abs(c.created - Date.now() / 1000) < 60);
      assert.equal(c.model, 'pocket');
    }
    assert.ok(list.every((c) => c.id === list[0].id && c.created === list[0].created && c.object === 'chat.completion.chunk'));
    assert.notEqual(whole.id, list[0].id);
    assert.equal(whole.object, 'chat.completion');
  });

  test('a stream of several answers ends with the usage of all, if asked', async () => {
    const list = await page.evaluate(async () => {
      const list = [];
      const request = { messages: [{ role: 'user', content: '9 + 8' }], max_tokens: 3, n: 2, stream: true, stream_options: { include_usage: true } };
      for await (const c of await engine.chat.completions.create(request)) list.push(c);
      return list;
    });
    const last = list.pop();
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.completion_tokens, 6);
    assert.equal(last.usage.total_tokens, last.usage.prompt_tokens + 6);
    assert.ok(list.every((c) => c.usage === null));
    assert.deepEqual([...new Set(list.map((c) => c.choices[0].index))].sort(), [0, 1]);
    assert.deepEqual(list.map((c) => c.choices[0].finish_reason).filter(Boolean), ['length', 'length']);
  });

  test('conversations in the ways that others write them', async () => {
    const texts = await page.evaluate(async () => {
      const ask = async (...messages) => {
        const { message } = (await engine.chat.completions.create({ messages, temperature: 0 })).choices[0];
        return message.reasoning_content + message.content;
      };
      const system = 'Be brief.';
      return {
        plain: await ask({ role: 'user', content: 'What is 2 + 3?' }),
        parts: await ask({ role: 'user', content: [{ type: 'text', text: 'What is ' }, { type: 'text', text: '2 + 3?' }] }),
        system: await ask({ role: 'system', content: system }, { role: 'user', content: '9 + 8' }),
        developer: await ask({ role: 'developer', content: system }, { role: 'user', content: '9 + 8' }),
        late: await ask({ role: 'user', content: '9 + 8' }, { role: 'system', content: system }),
      };
    });
    assert.match(texts.plain, /5/);
    assert.equal(texts.parts, texts.plain);
    assert.equal(texts.developer, texts.system);
    assert.equal(texts.late, texts.system);
  });

  test('a last message from the assistant is continued', async () => {
    const [whole, rest] = await page.evaluate(async () => {
      const question = { role: 'user', content: 'What is 47 + 85?' };
      const ask = async (...messages) => (await engine.chat.completions.create({ messages, temperature: 0 })).choices[0].message;
      const whole = await ask(question);
      const begun = whole.reasoning_content.slice(0, 5);
      return [whole, { ...(await ask(question, { role: 'assistant', content: '', reasoning_content: begun })), begun }];
    });
    assert.equal(rest.begun + rest.reasoning_content, whole.reasoning_content);
    assert.equal(rest.content, whole.content);
  });

  test('without a seed every sampled answer is another, with one they are alike', async () => {
    const [one, two, seeded, again] = await page.evaluate(async () => {
      const generate = async (seed) => (await engine.generate([256, 65, 66], { temperature: 50, top_p: 1, max_tokens: 16, ignore_eos: true, seed })).tokens;
      return [await generate(), await generate(), await generate(7), await generate(7)];
    });
    assert.notDeepEqual(one, two);
    assert.deepEqual(seeded, again);
  });

  test('max_completion_tokens is max_tokens, and of both the smaller holds', async () => {
    const counts = await page.evaluate(async () => {
      const ask = async (limits) => {
        const { choices, usage } = await engine.chat.completions.create({ messages: [{ role: 'user', content: '12 * 34' }], ...limits });
        return [usage.completion_tokens, choices[0].finish_reason];
      };
      return [await ask({ max_completion_tokens: 5 }), await ask({ max_completion_tokens: 4, max_tokens: 6 }), await ask({ max_completion_tokens: 6, max_tokens: 3 })];
    });
    assert.deepEqual(counts, [[5, 'length'], [4, 'length'], [3, 'length']]);
  });

  test('an answer ends before a stop text, of which no delta has a part', async () => {
    const [equals, boxed] = await page.evaluate(async () => {
      const ask = async (stop) => {
        let content = '';
        let reason;
        for await (const c of await engine.chat.completions.create({ messages: [{ role: 'user', content: 'What is 47 + 85?' }], temperature: 0, stream: true, stop })) {
          content += c.choices[0].delta.content ?? '';
          reason = c.choices[0].finish_reason;
        }
        return [content, reason];
      };
      return [await ask('='), await ask(['nowhere', '\\boxed'])];
    });
    assert.deepEqual(equals, ['47 + 85 ', 'stop']);
    assert.deepEqual(boxed, ['47 + 85 = 132\n', 'stop']);
  });

  test('a stop ends all answers, and logits are aborted', async () => {
    const { choices, logits } = await page.evaluate(async () => {
      const controller = new AbortController();
      const request = { messages: [{ role: 'user', content: '87 * 96' }], n: 5, temperature: 0, signal: controller.signal };
      setTimeout(() => controller.abort(), 300);
      const { choices } = await engine.chat.completions.create(request);
      const logits = await engine.logits(Array(500).fill(65), { signal: AbortSignal.timeout(100) }).then(() => 'rows', (e) => e.code);
      return { choices: choices.map((c) => c.finish_reason), logits };
    });
    assert.deepEqual(choices, Array(5).fill('abort'));
    assert.equal(logits, 'aborted');
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
    'half a token': ['bad_request', 'engine.chat.completions.create({ messages: [{ role: "user", content: "x" }], max_tokens: 8.5 })', 'max_tokens'],
    'half a token of a stream, before it begins': ['bad_request', 'engine.chat.completions.create({ messages: [{ role: "user", content: "x" }], stream: true, max_tokens: 8.5 })', 'max_tokens'],
    'an unknown parameter': ['bad_request', 'engine.generate([256], { temprature: 1 })', 'temprature'],
    'a picture': ['bad_request', 'engine.chat.completions.create({ messages: [{ role: "user", content: [{ type: "image_url" }] }] })', 'messages[0].content[0].type'],
    tools: ['bad_request', 'engine.chat.completions.create({ messages: [{ role: "user", content: "x" }], tools: [{}] })', 'tools'],
    JSON: ['bad_request', 'engine.chat.completions.create({ messages: [{ role: "user", content: "x" }], response_format: { type: "json_object" } })', 'response_format'],
    'an option of load that nobody knows': ['bad_request', 'tabseek.load("/models/pocket", { contxt: 100 })', 'contxt'],
    'a role nobody knows': ['bad_request', 'engine.chat.completions.create({ messages: [{ role: "tool", content: "x" }] })'],
    'a model that is not there': ['download_failed', 'tabseek.load("/models/nothing")'],
    'an absurd context': ['bad_request', 'tabseek.load("/models/pocket", { context: 1e9 })'],
  };
  for (const [name, [code, call, param]] of Object.entries(refused)) {
    test(`${name} is refused`, async () => {
      const error = await page.evaluate(`${call}.then(() => null, (e) => ({ name: e.name, code: e.code, message: e.message, fields: e.fields }))`);
      if (param) assert.equal(error?.fields.param, param, error?.message);
      assert.equal(error?.name, 'TabseekError');
      assert.equal(error.code, code, error.message);
      assert.doesNotMatch(error.message, /\n/);
    });
  }

  /** Manifests that no server of ours would hand out, and the code that load rejects with. */
  const manifests = {
    'a manifest that is not JSON': ['no', 'bad_model', 'model.json'],
    'another architecture': [JSON.stringify({ ...manifest, architecture: { ...manifest.architecture, model_type: 'gpt2' } }), 'bad_model', 'gpt2'],
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
      const error = await page.evaluate(async () => {
        await globalThis.tabseek.deleteModel(new URL('/models/pocket', location.href).href); // or its description is not fetched
        return globalThis.tabseek.load('/models/pocket').then(() => null, (e) => ({ code: e.code, message: e.message }));
      });
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
      const error = await page.evaluate(async (url) => {
        const { deleteModel, load, storedModels } = globalThis.tabseek;
        for (const model of await storedModels()) await deleteModel(model.url); // what lies here whole is not fetched
        return load(url).then(() => null, (e) => ({ code: e.code, message: e.message }));
      }, `/models/damaged-${i}`);
      assert.equal(error?.code, code, error?.message);
      assert.ok(error.message.includes(names), error.message);
    });
  });
});
