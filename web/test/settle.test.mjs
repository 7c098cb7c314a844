// Whatever is handed to the public API, every call settles: a wrong value is refused by name within a second, and nothing
// waits for an engine that is gone. In both browsers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browsers, instrument, launch, profile, serve, workerScript } from './support.mjs';

/** Runs in the page: makes `values`, `calls` and `outcome`. */
function prepare() {
  const cycle = {};
  cycle.self = cycle;
  let deep = [];
  for (let i = 0; i < 20_000; i++) deep = [deep];
  globalThis.values = {
    undefined: undefined,
    null: null,
    true: true,
    zero: 0,
    half: 0.5,
    negative: -1,
    'far too large': 1e300,
    NaN,
    Infinity,
    BigInt: 10n,
    'no text': '',
    text: 'x',
    'a number as text': '1',
    'much text': 'x'.repeat(9e6),
    'no list': [],
    'a list': [1],
    'a list of text': ['x'],
    'a long list': new Array(1e7).fill(0),
    'an endless list': new Array(2 ** 32 - 1),
    'a deep list': deep,
    'an object': {},
    'another object': { a: 1 },
    'a cycle': cycle,
    'an object that throws': { get a() { throw new Error('no'); } },
    'a function': () => 1,
    'a symbol': Symbol('x'),
    'a date': new Date(NaN),
    'a map': new Map([[1, 2]]),
    'a promise': Promise.resolve(1),
    'an element': document.documentElement,
  };

  const messages = [{ role: 'user', content: 'x' }];
  const create = (part) => engine.chat.completions.create({ messages, max_tokens: 1, ...part });
  /** Each function with a place for a value, and the values that are no mistake there. */
  const absent = ['undefined', 'null'];
  const whole = [...absent, 'zero']; // an integer from 0 on
  const anyText = [...absent, 'no text', 'text', 'a number as text'];
  const empty = ['an object', 'a map', 'a promise', 'an element']; // JSON has no word for what is in them
  const noFields = [...empty, 'a date'];
  globalThis.calls = {
    'load(_)': [(v) => tabseek.load(v), anyText.slice(2)],
    'load(url, _)': [(v) => tabseek.load('/models/pocket', v), ['undefined', ...noFields]],
    'load onProgress': [(v) => tabseek.load('/models/pocket', { onProgress: v }), [...absent, 'a function']],
    'load signal': [(v) => tabseek.load('/models/pocket', { signal: v }), absent],
    'create(_)': [(v) => engine.chat.completions.create(v), []],
    'create(stream, _)': [(v) => create({ stream: true, temperature: v }), [...absent, 'zero', 'half']],
    messages: [(v) => create({ messages: v }), []],
    message: [(v) => create({ messages: [v] }), []],
    'the second message': [(v) => create({ messages: [...messages, v] }), []],
    role: [(v) => create({ messages: [{ role: v, content: 'x' }] }), []],
    content: [(v) => create({ messages: [{ role: 'user', content: v }] }), ['no text', 'text', 'a number as text', 'no list']],
    part: [(v) => create({ messages: [{ role: 'user', content: [v] }] }), []],
    'text of a part': [(v) => create({ messages: [{ role: 'user', content: [{ type: 'text', text: v }] }] }), ['no text', 'text', 'a number as text']],
    'create signal': [(v) => create({ signal: v }), absent],
    onPrefill: [(v) => create({ onPrefill: v }), [...absent, 'a function']],
    unknown: [(v) => create({ unknown: v }), ['undefined']],
    tools: [(v) => create({ tools: v }), absent],
    response_format: [(v) => create({ response_format: v }), absent],
    'generate(_)': [(v) => engine.generate(v, { max_tokens: 1 }), ['a list']],
    'generate(tokens, _)': [(v) => engine.generate([256], v), ['undefined', ...noFields]],
    'a token': [(v) => engine.generate([v], { max_tokens: 1 }), ['zero']],
    onTokens: [(v) => engine.generate([256], { onTokens: v, max_tokens: 1 }), [...absent, 'a function']],
    'generate signal': [(v) => engine.generate([256], { signal: v, max_tokens: 1 }), absent],
    'generate unknown': [(v) => engine.generate([256], { unknown: v, max_tokens: 1 }), ['undefined']],
    'logits(_)': [(v) => engine.logits(v), ['a list']],
    'logits(tokens, _)': [(v) => engine.logits([256], v), ['undefined', ...noFields]],
    mode: [(v) => engine.logits([256], { mode: v }), [...absent, 'no text']],
    draft: [(v) => engine.logits([256], { draft: v }), [...absent, 'true']],
    'logits signal': [(v) => engine.logits([256], { signal: v }), absent],
  };
  const parameters = {
    temperature: [...absent, 'zero', 'half'], top_k: whole, top_p: [...absent, 'zero', 'half'], min_p: [...absent, 'zero', 'half'],
    repetition_penalty: [...absent, 'half'], presence_penalty: [...absent, 'zero', 'half', 'negative'], frequency_penalty: [...absent, 'zero', 'half', 'negative'],
    logit_bias: [...absent, ...empty], seed: whole, max_tokens: [...absent, 'far too large'], max_completion_tokens: [...absent, 'far too large'],
    stop: [...absent, 'text', 'a number as text', 'no list', 'a list of text'], ignore_eos: [...absent, 'true'], logprobs: [...absent, 'true'], top_logprobs: absent,
    thinking: [...absent, 'true'], n: absent, stream: [...absent, 'true'], stream_options: absent, model: anyText, user: anyText, metadata: [...absent, ...empty],
  };
  for (const [name, good] of Object.entries(parameters)) calls[name] = [(v) => create({ [name]: v }), good];

  /** What became of a call within a time. */
  globalThis.outcome = (make, ms = 1000) => {
    const late = new Promise((resolve) => setTimeout(resolve, ms, 'nothing'));
    const call = (async () => make())().then(
      () => 'success',
      (e) => (e instanceof tabseek.TabseekError ? e.code : `a ${e?.name} that is no TabseekError: ${e}`),
    );
    return Promise.race([call, late]);
  };
}

for (const name of Object.keys(browsers)) {
  describe(name, () => {
    let server, proxy, browser, page;
    before(async () => {
      server = await serve();
      proxy = await instrument(server.address);
      browser = await launch(name);
      page = await browser.newPage();
      await page.goto(`${proxy.address}/healthz`); // a page of the origin, without the chat
      await page.evaluate(async (options) => {
        globalThis.tabseek = await import('/tabseek.js');
        globalThis.options = options;
        globalThis.engine = await tabseek.load('/models/pocket', options);
      }, { profile });
      await page.evaluate(prepare);
    });
    after(async () => {
      await browser?.close();
      proxy?.stop();
      server?.stop();
    });

    test('every wrong value is refused within a second', async () => {
      const wrong = await page.evaluate(async () => {
        const surprises = [];
        let tried = 0;
        for (const [call, [make, good]] of Object.entries(calls)) {
          for (const [value, v] of Object.entries(values)) {
            if (good.includes(value)) continue;
            tried++;
            const got = await outcome(() => make(v));
            const long = ['much text', 'a long list', 'an endless list'].includes(value);
            if (got !== 'bad_request' && !(long && got === 'context_full')) surprises.push(`${call} with ${value}: ${got}`);
          }
        }
        return { surprises, tried };
      });
      assert.deepEqual(wrong.surprises, []);
      assert.ok(wrong.tried > 1000, `${wrong.tried} were tried`);
    });

    test('after all that it still answers', async () => {
      const text = await page.evaluate(async () => (await engine.chat.completions.create({ messages: [{ role: 'user', content: '9 + 8' }], temperature: 0 })).choices[0].message.content);
      assert.match(text, /\b17\b/);
    });

    /** Starts a long answer on a fresh engine, ends the engine, and tells how everything settled. */
    const endOf = (how) =>
      page.evaluate(async (how) => {
        const e = await tabseek.load('/models/pocket', options);
        const request = { messages: [{ role: 'user', content: '87 * 96' }], temperature: 0, stream: true };
        const read = async (stream) => {
          for await (const chunk of stream) {
            const reason = chunk.choices[0].finish_reason;
            if (reason) return reason;
          }
        };
        const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'nothing'));
        const settle = (promise) => Promise.race([promise.then((v) => v ?? 'done', (error) => error.code), late]);
        const first = await e.chat.completions.create(request);
        await first.next(); // it has begun
        const answer = read(first);
        const queued = read(await e.chat.completions.create(request));
        const logits = e.logits(Array(200).fill(65));
        if (how === 'unload') await e.unload();
        else new BroadcastChannel('mishaps').postMessage(how);
        const during = { answer: await settle(answer), queued: await settle(queued), logits: await settle(logits) };
        const later = {
          create: await settle(e.chat.completions.create(request)), generate: await settle(e.generate([256])), logits: await settle(e.logits([256])), stats: await settle(e.stats()),
          unload: await settle(e.unload()), again: await settle(e.unload()),
        };
        return { during, later };
      }, how);

    test('unloading ends what is under way, and refuses what comes later', async () => {
      const { during, later } = await endOf('unload');
      assert.deepEqual(during, { answer: 'abort', queued: 'abort', logits: 'aborted' });
      assert.deepEqual(later, { create: 'bad_request', generate: 'bad_request', logits: 'bad_request', stats: 'bad_request', unload: 'done', again: 'done' });
    });

    test('a worker that ends is an error, now and later', async () => {
      const { during, later } = await endOf('end');
      assert.deepEqual(during, { answer: 'internal', queued: 'internal', logits: 'internal' });
      assert.deepEqual(later, { create: 'internal', generate: 'internal', logits: 'internal', stats: 'internal', unload: 'done', again: 'done' });
    });

    test('a script that fails in the worker is an error, now and later', async () => {
      const { during, later } = await endOf('fail');
      assert.deepEqual(during, { answer: 'internal', queued: 'internal', logits: 'internal' });
      assert.equal(later.create, 'internal');
    });

    test('a guest that dies is an error, now and later', async () => {
      const { during, later } = await endOf('trap');
      assert.deepEqual(during, { answer: 'internal', queued: 'internal', logits: 'internal' });
      assert.deepEqual(later, { create: 'internal', generate: 'internal', logits: 'internal', stats: 'internal', unload: 'done', again: 'done' });
    });

    test('a worker that does not start is an error', async () => {
      proxy.replaced.set(workerScript, 'throw new Error("no");');
      const got = await page.evaluate(() => outcome(() => tabseek.load('/models/pocket'), 10_000));
      proxy.replaced.clear();
      assert.equal(got, 'internal');
    });

    test('a lost device is replaced, and the answer goes on as it would have', async () => {
      const got = await page.evaluate(async () => {
        const states = [];
        const e = await tabseek.load('/models/pocket', { onRecovery: ({ state }) => states.push(state) });
        const request = { messages: [{ role: 'user', content: '87 * 96' }], temperature: 0, max_tokens: 60 };
        const whole = (completion) => [completion.choices[0].message, completion.choices[0].finish_reason, completion.usage.completion_tokens, completion.usage.prompt_tokens];
        const expected = whole(await e.chat.completions.create(request));
        const seen = { reasoning_content: '', content: '' };
        let chunks = 0;
        let end;
        let logits;
        for await (const chunk of await e.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } })) {
          if (++chunks === 3) {
            new BroadcastChannel('mishaps').postMessage('lose');
            logits = e.logits([256, 65]);
          }
          const choice = chunk.choices[0];
          if (!choice) end = [end, chunk.usage.completion_tokens, chunk.usage.prompt_tokens];
          else if (choice.finish_reason) end = choice.finish_reason;
          seen.reasoning_content += choice?.delta.reasoning_content ?? '';
          seen.content += choice?.delta.content ?? '';
        }
        const rows = (await logits).rows.length;
        const { tokens } = await e.generate([256, 65], { max_tokens: 3, ignore_eos: true });
        await e.unload();
        return { expected, seen, end, rows, tokens: tokens.length, states };
      });
      const [message, ...end] = got.expected;
      assert.equal(got.seen.reasoning_content + got.seen.content, (message.reasoning_content ?? '') + message.content);
      assert.deepEqual(got.end, [end[0], end[1], end[2]]);
      assert.deepEqual([got.rows, got.tokens, got.states], [2, 3, ['lost', 'restored']]);
    });

    test('a device that nothing replaces is an error, now and later', async () => {
      const { during, later } = await endOf('doom');
      assert.deepEqual(during, { answer: 'device_lost', queued: 'device_lost', logits: 'device_lost' });
      assert.deepEqual(later, { create: 'device_lost', generate: 'device_lost', logits: 'device_lost', stats: 'device_lost', unload: 'done', again: 'done' });
    });

    test('what is loaded after all that works', async () => {
      const tokens = await page.evaluate(async () => {
        const e = await tabseek.load('/models/pocket', options);
        const { tokens } = await e.generate([256, 65], { max_tokens: 3, ignore_eos: true });
        await e.unload();
        return tokens;
      });
      assert.equal(tokens.length, 3);
    });
  });
}
