// Models elsewhere: the client of /tabseek.js against servers in each dialect, without a browser. The page's part is in
// remote-page.test.mjs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { remote, TabseekError } from './built/host.js';
import { dialects, upstream } from './upstream.mjs';

const ask = (question, more = {}) => ({ messages: [{ role: 'user', content: question }], ...more });

/** Reads a stream: the texts of each choice, its end, and what was said of usage. */
async function read(stream) {
  const choices = [];
  let usage;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    for (const { index, delta, finish_reason } of chunk.choices) {
      const choice = (choices[index] ??= { content: '', reasoning: '', finish: null });
      assert.equal(choice.finish, null, 'nothing comes after the end');
      if (delta.content) choice.content += delta.content;
      if (delta.reasoning_content) choice.reasoning += delta.reasoning_content;
      choice.finish = finish_reason;
    }
  }
  return { choices, usage };
}

const servers = [];
async function serve(dialect, options) {
  const server = await upstream(dialect, options);
  servers.push(server);
  return server;
}
afterEach(() => Promise.all(servers.splice(0).map((s) => s.stop())));

for (const [name, dialect] of Object.entries(dialects)) {
  describe(name, () => {
    test('a stream', async () => {
      const server = await serve(dialect);
      const engine = remote(server.address, { model: 'm' });
      const { choices, usage } = await read(await engine.chat.completions.create(ask('it', { stream: true })));
      assert.deepEqual(choices, [{ content: 'answer to it', reasoning: 'thought of it', finish: 'stop' }]);
      assert.deepEqual(usage, { prompt_tokens: 7, completion_tokens: 6, total_tokens: 13, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 3 } });
      assert.equal((await engine.stats()).completion_tokens, 6);
      assert.equal(server.asked.length, 1, 'nothing else was asked');
    });

    test('a whole answer', async () => {
      const server = await serve(dialect);
      const answer = await remote(server.address, { model: 'm' }).chat.completions.create(ask('it'));
      assert.equal(answer.object, 'chat.completion');
      assert.deepEqual(answer.choices, [{ index: 0, message: { role: 'assistant', content: 'answer to it', reasoning_content: 'thought of it' }, logprobs: null, finish_reason: 'stop' }]);
      assert.equal(answer.usage.completion_tokens, 6);
    });

    test('several answers', async () => {
      const server = await serve(dialect);
      const n = 3;
      const { choices, usage } = await read(await remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { stream: true, n, seed: 5, stream_options: { include_usage: true } })));
      const name = (i) => (dialect.n ? `, ${i}` : '');
      assert.deepEqual(choices, [0, 1, 2].map((i) => ({ content: `answer to it${name(i)}`, reasoning: `thought of it${name(i)}`, finish: 'stop' })));
      assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [7, n * (dialect.n ? 8 : 6)]);
      const asked = server.asked.filter(({ body }) => body?.messages?.[0].content === 'it').map(({ body }) => [body.n, body.seed]);
      assert.deepEqual(asked.sort(), dialect.n ? [[3, 5]] : [[undefined, 5], [undefined, 6], [undefined, 7]]);
    });

    test('what it can do', async () => {
      const server = await serve(dialect);
      const engine = remote(server.address, { model: 'm' });
      const context = { vLLM: 4096, 'llama-server': 8192 }[name];
      const card = { n: Boolean(dialect.n), logprobs: Boolean(dialect.logprobs), budgets: Boolean(dialect.budgets), ...(context && { context }) };
      assert.deepEqual(await engine.capabilities(), card);
      assert.deepEqual(await engine.capabilities(), card);
      assert.equal(server.asked.length, 4, 'each is tried once');
      const known = remote(server.address, { model: 'm', capabilities: card });
      const logprobs = known.chat.completions.create(ask('it', { logprobs: true, top_logprobs: 1 }));
      if (dialect.logprobs) assert.deepEqual((await logprobs).choices[0].logprobs.content[0], { id: -1, token: 'a', logprob: -0.5, bytes: [97], top_logprobs: [{ id: -1, token: 'b', logprob: -1, bytes: [98] }] });
      else await assert.rejects(logprobs, { code: 'unsupported', fields: { param: 'logprobs' } });
      const budget = known.chat.completions.create(ask('it', { thinking_budget: 2, max_thinking_tokens: 3 }));
      if (dialect.budgets) assert.equal((await budget).choices[0].message.reasoning_content, 'thought of ');
      else await assert.rejects(budget, { code: 'unsupported', fields: { param: 'thinking_budget' } });
    });
  });
}

test('nothing is asked before somebody asks, and the first model is taken', async () => {
  const server = await serve(dialects.Ollama);
  const engine = remote(`${server.address}/`);
  await sleep(50);
  assert.deepEqual(server.asked, []);
  assert.equal((await engine.chat.completions.create(ask('it'))).model, 'm');
  assert.deepEqual(server.asked.map((a) => a.path), ['/v1/models', '/v1/chat/completions']);
  assert.deepEqual(await engine.models(), [{ id: 'm' }, { id: 'other' }]);
});

test('more answers than there is room for are asked for one by one', async () => {
  const server = await serve(dialects['llama-server']);
  const { choices } = await remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { n: 6 }));
  assert.deepEqual(choices.map((c) => c.message.content), Array(6).fill('answer to it'));
});

test('what is posted', async () => {
  const server = await serve(dialects.vLLM);
  const messages = [
    { role: 'developer', content: [{ type: 'text', text: 'be ' }, { type: 'text', text: 'brief' }] },
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b', reasoning_content: 'secret' },
    { role: 'user', content: 'c' },
  ];
  const params = { temperature: 0.5, top_k: 3, max_tokens: 9, max_completion_tokens: 8, stop: ['x'], seed: 1, thinking: false, user: 'me', metadata: { a: 'b' } };
  await remote(server.address, { model: 'm', token: 'open sesame' }).chat.completions.create({ messages, ...params });
  const [{ headers, body }] = server.asked;
  assert.equal(headers.authorization, 'Bearer open sesame');
  assert.deepEqual(body, {
    model: 'm', messages: [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }],
    stream: true, stream_options: { include_usage: true }, temperature: 0.5, top_k: 3, max_tokens: 8, stop: ['x'], seed: 1,
    thinking: { type: 'disabled' }, chat_template_kwargs: { thinking: false, enable_thinking: false },
  });
});

describe('strategies', () => {
  let site;
  const means = () => ({ model: 'm', wasmURL: `http://127.0.0.1:${site.address().port}/engine.wasm` });
  before(async () => {
    const dist = new URL('../dist/', import.meta.url);
    const name = (await readdir(dist)).find((n) => /^engine.*\.wasm$/.test(n));
    const wasm = await readFile(new URL(name, dist));
    site = createServer((_, res) => res.writeHead(200, { 'content-type': 'application/wasm' }).end(wasm)).listen(0, '127.0.0.1');
    await once(site, 'listening');
  });
  after(() => site.close());

  test('a vote, which ends when it is decided', async () => {
    const server = await serve(dialects.vLLM);
    const stream = await remote(server.address, means()).chat.completions.create(ask('\\boxed{4}', { stream: true, seed: 5, strategy: { mode: 'vote', n: 40 } }));
    let content = '';
    const lanes = new Set();
    let tallies = 0;
    let last;
    for await (const chunk of stream) {
      content += chunk.choices[0]?.delta.content ?? '';
      if (chunk.lane) lanes.add(chunk.lane.trace);
      if (chunk.tally) tallies++;
      last = chunk.tabseek ?? last;
    }
    assert.equal(content, 'answer to \\boxed{4}');
    assert.equal(last.answer, '4');
    assert.equal(last.stopped_by, 'decided');
    assert.equal(last.traces.length, 40);
    assert.ok(lanes.size >= 21 && tallies >= 21);
    const seeds = server.asked.map(({ body }) => body.seed);
    assert.equal(new Set(seeds).size, seeds.length, 'each trace has a seed of its own');
    assert.ok(seeds.includes(5) && seeds.every((s) => s >= 5 && s < 45));
    assert.ok(seeds.length < 40, 'those that were not needed were not asked for');
  });

  test('whole, with a verifier of the caller’s', async () => {
    const server = await serve(dialects.Ollama);
    const seen = [];
    const verifier = async (answer) => (seen.push(answer), seen.length === 2);
    const answer = await remote(server.address, means()).chat.completions.create(ask('it', { strategy: { mode: 'best_of', n: 4, verifier } }));
    assert.equal(answer.choices[0].message.content, 'answer to it');
    assert.equal(answer.tabseek.stopped_by, 'verifier');
    assert.equal(seen[0], 'answer to it');
    assert.ok(answer.usage.completion_tokens >= 12);
  });

  test('a check asks back', async () => {
    const server = await serve(dialects.vLLM);
    const answer = await remote(server.address, means()).chat.completions.create(ask('it', { strategy: 'check' }));
    assert.equal(answer.tabseek.stopped_by, 'refuted', 'the server says again what it is asked, whose last box is no');
    assert.match(server.asked.at(-1).body.messages[2].content, /A check found this answer wrong/);
    assert.deepEqual(server.asked[1].body.messages.map((m) => m.role), ['user', 'assistant', 'user']);
  });

  for (const [name, strategy, code, param] of [
    ['an unknown mode', 'poll', 'bad_request', 'strategy.mode'],
    ['confidence', 'weighted', 'bad_request', 'strategy.mode'],
    ['a pattern that is none', { mode: 'vote', verifier: { type: 'regex', pattern: '(' } }, 'bad_request', 'strategy.verifier.pattern'],
    ['too many', { mode: 'vote', n: 1000 }, 'bad_request', 'strategy.n'],
  ]) {
    test(`refused: ${name}`, () => assert.rejects(remote('http://127.0.0.1:1', means()).chat.completions.create(ask('it', { strategy })), { code, fields: { param } }));
  }

  test('a server that fails, and a verifier that throws', async () => {
    await assert.rejects(remote('http://127.0.0.1:1', means()).chat.completions.create(ask('it', { strategy: 'vote' })), { name: 'TabseekError' });
    const server = await serve(dialects.vLLM);
    const verifier = () => {
      throw new Error('no');
    };
    await assert.rejects(remote(server.address, means()).chat.completions.create(ask('it', { strategy: { mode: 'vote', verifier } })), { code: 'bad_request' });
  });
});

describe('what is refused', () => {
  const engine = remote('http://127.0.0.1:1', { model: 'm' });
  for (const [name, request, code, param] of [
    ['an unknown parameter', ask('it', { temprature: 1 }), 'bad_request', 'temprature'],
    ['a number out of bounds', ask('it', { top_p: 2 }), 'bad_request', 'top_p'],
    ['a fraction', ask('it', { n: 1.5 }), 'bad_request', 'n'],
    ['not a number', ask('it', { temperature: NaN }), 'bad_request', 'temperature'],
    ['another type', ask('it', { stream: 'yes' }), 'bad_request', 'stream'],
    ['an effort of nobody’s', ask('it', { reasoning_effort: 'huge' }), 'bad_request', 'reasoning_effort'],
    ['alternatives without probabilities', ask('it', { top_logprobs: 2 }), 'bad_request', 'top_logprobs'],
    ['no messages', { messages: [] }, 'bad_request', 'messages'],
    ['a role of nobody’s', { messages: [{ role: 'tool', content: '' }] }, 'bad_request', 'messages[0].role'],
    ['a picture', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'bad_request', 'messages[0].content'],
    ['help', ask('it', { escalate: {} }), 'unsupported', 'escalate'],
    ['an answer to continue', { messages: [{ role: 'assistant', content: 'a' }] }, 'unsupported', 'messages'],
    ['a signal that is none', ask('it', { signal: 1 }), 'bad_request', 'signal'],
  ]) {
    test(name, () => assert.rejects(engine.chat.completions.create(request), { name: 'TabseekError', code, fields: { param } }));
  }
  test('ids and logits', async () => {
    await assert.rejects(engine.generate([1]), { code: 'unsupported' });
    await assert.rejects(engine.logits([1]), { code: 'unsupported' });
  });
  test('wrong options', () => {
    assert.throws(() => remote(7), { code: 'bad_request' });
    assert.throws(() => remote('http://a', { model: 7 }), { code: 'bad_request', fields: { param: 'model' } });
    assert.throws(() => remote('http://a', { timeout: -1 }), { code: 'bad_request', fields: { param: 'timeout' } });
  });
});

/** A server that sends these lines as an event stream, whatever it is asked. */
const lines = (text, end = true) => serve(dialects.vLLM, {
  instead: (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(text);
    if (end) response.end();
    else setImmediate(() => response.destroy());
    return true;
  },
});
const data = (...chunks) => chunks.map((c) => `data: ${typeof c === 'string' ? c : JSON.stringify(c)}\n\n`).join('');
const delta = (delta, finish_reason = null, index = 0) => ({ choices: [{ index, delta, finish_reason }] });

describe('oddities', () => {
  const done = delta({}, 'stop');
  for (const [name, text, reasoning, content] of [
    ['<think> in the answer', data(delta({ content: '<think>\nso' }), delta({ content: '</think>\n\nit is' }), done, '[DONE]'), 'so', 'it is'],
    ['<think> in pieces', data(...[...' <think>a < b</think>\n\nc </think>'].map((content) => delta({ content })), done, '[DONE]'), 'a < b', 'c </think>'],
    ['a tag that is said', data(delta({ content: 'use <think>' }), delta({ content: ' and </think>' }), done, '[DONE]'), '', 'use <think> and </think>'],
    ['a tag said after reasoning', data(delta({ reasoning: 'r' }), delta({ content: '<think>' }), done, '[DONE]'), 'r', '<think>'],
    ['thinking that does not end', data(delta({ content: '<think>a</thi' }), delta({}, 'length'), '[DONE]'), 'a</thi', ''],
    ['an answer that only begins like a tag', data(delta({ content: '<th' }), done, '[DONE]'), '', '<th'],
    ['reasoning_details', data(delta({ reasoning_details: [{ text: 'a' }, { summary: 'b' }, {}] }), delta({ content: 'c' }), done, '[DONE]'), 'ab', 'c'],
    ['content in parts', data(delta({ content: [{ type: 'text', text: 'a' }, { text: 'b' }] }), done, '[DONE]'), '', 'ab'],
    ['text after the end', data(delta({ content: 'a' }), done, delta({ content: 'b' }), '[DONE]'), '', 'ab'],
    ['no [DONE]', data(delta({ content: 'a' }), done), '', 'a'],
    ['nulls', data({ choices: null, usage: null }, { choices: [{ index: null, delta: null, finish_reason: null }] }, delta({ role: null, content: null, reasoning: null }), delta({ content: 'a' }), done, '[DONE]'), '', 'a'],
    ['usage with choices', data({ ...delta({ content: 'a' }), usage: { completion_tokens: 1 } }, { ...done, usage: { completion_tokens: 2 } }, '[DONE]'), '', 'a'],
    ['line ends of Windows, comments and other fields', `: hello\r\n\r\nevent: message\r\nid: 1\r\nretry: 5\r\n${data(delta({ content: 'a' })).replaceAll('\n', '\r\n')}${data(done, '[DONE]')}`, '', 'a'],
    ['data in two lines', 'data: {"choices":[{"index":0,\ndata: "delta":{"content":"a"}}]}\n\n' + data(done, '[DONE]'), '', 'a'],
  ]) {
    test(name, async () => {
      const server = await lines(text);
      const { choices: [choice] } = await read(await remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { stream: true })));
      assert.deepEqual([choice.reasoning, choice.content], [reasoning, content]);
    });
  }
  test('a stream that was not asked for whole, and an end of thinking without its beginning', async () => {
    const server = await lines(data(delta({ content: 'so</think>' }), delta({ content: '\n\na' }), done, '[DONE]'));
    const { choices } = await remote(server.address, { model: 'm' }).chat.completions.create(ask('it'));
    assert.deepEqual(choices[0].message, { role: 'assistant', content: 'a', reasoning_content: 'so' });
  });
  test('a whole answer where a stream was asked for', async () => {
    const answer = { choices: [{ index: 0, message: { role: 'assistant', content: '<think>r</think>a' }, finish_reason: 'length' }], usage: { completion_tokens: 2 } };
    const server = await serve(dialects.vLLM, { instead: (_, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)) });
    const { choices } = await read(await remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { stream: true })));
    assert.deepEqual(choices, [{ reasoning: 'r', content: 'a', finish: 'length' }]);
  });
  test('characters cut in two', async () => {
    const bytes = Buffer.from(data(delta({ content: '深度求索' }), done, '[DONE]'));
    const server = await serve(dialects.vLLM, {
      instead: async (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const byte of bytes) response.write(Buffer.from([byte])) || (await sleep(1));
        response.end();
        return true;
      },
    });
    const { choices } = await remote(server.address, { model: 'm' }).chat.completions.create(ask('it'));
    assert.equal(choices[0].message.content, '深度求索');
  });
});

describe('failures', () => {
  const status = (code, body, headers = {}) => serve(dialects.vLLM, {
    instead: (_, response) => response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body)),
  });
  const fails = async (server, want, options) => {
    const create = (stream) => remote(server.address, { model: 'm', ...options }).chat.completions.create(ask('it', { stream }));
    await assert.rejects(create(false), { name: 'TabseekError', ...want });
    await assert.rejects(async () => read(await create(true)), { name: 'TabseekError', ...(want.fields ? { code: want.code } : want) });
  };
  const error = (message, more) => ({ error: { message, ...more } });
  for (const [name, code, body, want, headers] of [
    ['a wrong key', 401, error('bad key'), { code: 'remote_refused', message: 'bad key', fields: { status: 401 } }],
    ['this server’s token', 401, error('token', { code: 'remote_auth' }), { code: 'remote_refused', fields: { status: 401, token: true } }],
    ['too many requests', 429, error('slow down'), { code: 'rate_limited', message: 'slow down', fields: { status: 429, retry_after: 7 } }, { 'retry-after': '7' }],
    ['an error', 500, error('oops'), { code: 'remote_failed', message: 'oops' }],
    ['an error without words', 503, '', { code: 'remote_failed', message: 'the server answered with status 503' }],
    ['a page', 200, '<!doctype html>', { code: 'remote_failed', message: /text\/html, want JSON/ }, { 'content-type': 'text/html' }],
    ['JSON that is none', 200, '{"choices":', { code: 'remote_failed', message: /not JSON/ }],
    ['a redirect', 302, '', { code: 'remote_unreachable' }, { location: '/elsewhere' }],
    ['an unknown model', 404, error('no model x'), { code: 'bad_request', message: 'no model x' }],
    ['a parameter', 400, error('n is bad', { param: 'n' }), { code: 'bad_request', fields: { status: 400, param: 'n' } }],
    ['vLLM’s older shape', 400, { object: 'error', message: "This model's maximum context length is 4096 tokens." }, { code: 'context_full' }],
    ['llama-server’s full context', 400, error('request (9 tokens) exceeds the available context size (4 tokens)', { type: 'exceed_context_size_error' }), { code: 'context_full' }],
    ['FastAPI’s shape', 422, { detail: [{ loc: ['body', 'n'], msg: 'bad' }] }, { code: 'bad_request', message: /"msg":"bad"/ }],
    ['away, says this page’s server', 502, error('lab cannot be reached', { code: 'remote_unreachable' }), { code: 'remote_unreachable', message: 'lab cannot be reached' }],
  ]) {
    test(name, async () => fails(await status(code, body, headers), want));
  }
  test('away', async () => {
    const server = await upstream(dialects.vLLM);
    await server.stop();
    await fails(server, { code: 'remote_unreachable' });
  });
  test('silence, before an answer and in it', async () => {
    await fails(await serve(dialects.vLLM, { instead: () => true }), { code: 'remote_unreachable', message: 'the server has said nothing for 0.1 s' }, { timeout: 100 });
    const server = await serve(dialects.vLLM, { instead: (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).write(data(delta({ content: 'a' }))) });
    await assert.rejects(remote(server.address, { model: 'm', timeout: 100 }).chat.completions.create(ask('it')), { code: 'remote_unreachable', fields: { choices: [{ index: 0, message: { content: 'a', reasoning_content: '' } }] } });
  });
  const begun = data(delta({ reasoning: 'r' }), delta({ content: 'a' }));
  for (const [name, text, end, code] of [
    ['half a stream', begun, true, 'remote_failed'],
    ['a stream that is cut', begun, false, 'remote_unreachable'],
    ['a stream that is cut in an event', `${begun}data: {"choi`, false, 'remote_unreachable'],
    ['an error in the stream', begun + data({ error: { message: 'out of memory', code: 500 } }, '[DONE]'), true, 'remote_failed'],
    ['an older llama-server’s', `${begun}error: {"error":{"message":"x","code":500}}\n\n`, true, 'remote_failed'],
    ['an event that is not JSON', `${begun}data: oops\n\n`, true, 'remote_failed'],
    ['a filter', begun + data(delta({}, 'content_filter'), '[DONE]'), true, 'remote_failed'],
    ['no room', begun + data(delta({}, 'insufficient_system_resource'), '[DONE]'), true, 'remote_failed'],
  ]) {
    test(`${name}: what has come is kept`, async () => {
      const server = await lines(text, end);
      const choices = [{ index: 0, message: { content: 'a', reasoning_content: 'r' } }];
      const engine = remote(server.address, { model: 'm' });
      await assert.rejects(engine.chat.completions.create(ask('it')), (e) => e instanceof TabseekError && (assert.equal(e.code, code), assert.deepEqual(e.fields.choices, choices), true));
      const seen = [];
      await assert.rejects(async () => {
        for await (const { choices } of await engine.chat.completions.create(ask('it', { stream: true }))) seen.push(choices[0].delta);
      }, { code });
      assert.deepEqual(seen, [{ role: 'assistant' }, { reasoning_content: 'r' }, { content: 'a' }]);
    });
  }
});

describe('stopping', () => {
  const slow = () => serve(dialects.vLLM, { pace: 20 });
  const idle = async (server) => {
    for (let ms = 0; server.open > 0; ms += 10) {
      assert.ok(ms < 1000, 'a second later, the server still works');
      await sleep(10);
    }
  };
  test('by the signal', async () => {
    const server = await slow();
    const stop = new AbortController();
    const stream = await remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { stream: true, signal: stop.signal }));
    const finishes = [];
    for await (const { choices } of stream) {
      if (choices[0].delta.reasoning_content) stop.abort();
      finishes.push(choices[0].finish_reason);
    }
    assert.equal(finishes.at(-1), 'abort');
    await idle(server);
  });
  test('by the signal, before anything has come', async () => {
    const server = await serve(dialects.vLLM, { instead: () => true });
    const signal = AbortSignal.timeout(50);
    const { choices } = await remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { signal, n: 2 }));
    assert.deepEqual(choices.map((c) => c.finish_reason), ['abort', 'abort']);
    await idle(server);
  });
  test('by leaving the loop', async () => {
    const server = await slow();
    for await (const { choices } of await remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { stream: true, n: 3 }))) if (choices[0].delta.content) break;
    await idle(server);
  });
  test('by unload, after which nothing can be asked', async () => {
    const server = await slow();
    const engine = remote(server.address, { model: 'm' });
    const answer = engine.chat.completions.create(ask('it'));
    await sleep(30);
    await engine.unload();
    assert.equal((await answer).choices[0].finish_reason, 'abort');
    await assert.rejects(engine.chat.completions.create(ask('it')), { code: 'bad_request' });
    await idle(server);
  });
  test('when one of several fails, the others end', async () => {
    let count = 0;
    const server = await serve(dialects.Ollama, { pace: 50, instead: (_, response, body) => body?.stream && ++count === 2 && response.writeHead(500).end() });
    await assert.rejects(remote(server.address, { model: 'm' }).chat.completions.create(ask('it', { n: 3 })), { code: 'remote_failed' });
    await idle(server);
  });
});
