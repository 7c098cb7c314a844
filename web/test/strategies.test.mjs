// One answer of several through the public API: lanes, tally and result; a verifier of the caller's; a stream that is steered.
// In Chromium; the page's lanes are seen in both browsers (lanes.test.mjs).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, serve } from './support.mjs';

describe('strategies', () => {
  let server, browser, page;
  before(async () => {
    server = await serve();
    browser = await launch('chromium');
    page = await browser.newPage();
    await page.goto(`${server.address}/healthz`);
    await page.evaluate(async () => {
      const { load } = await import('/tabseek.js');
      globalThis.engine = await load('/models/pocket');
      globalThis.ask = (question, more) => engine.chat.completions.create({ messages: [{ role: 'user', content: question }], seed: 3, ...more });
      globalThis.failure = (promise) => promise.then(() => 'nothing', ({ code, message, fields }) => ({ code, message, fields }));
    });
  });
  after(async () => {
    await browser?.close();
    server?.stop();
  });

  test('a vote tells its lanes and its tally, then the answer of the trace that stands for it, then the result', async () => {
    const { chunks, whole } = await page.evaluate(async () => {
      const vote = { strategy: { mode: 'vote', n: 3, stop: 'none' } };
      const chunks = [];
      for await (const c of await ask('What is 47 + 85?', { ...vote, stream: true })) chunks.push(c);
      return { chunks, whole: await ask('What is 47 + 85?', vote) };
    });
    const lanes = chunks.map((c) => c.lane).filter(Boolean);
    assert.deepEqual([...new Set(lanes.map((l) => l.trace))].sort(), [0, 1, 2]);
    assert.equal(chunks.filter((c) => c.tally).length, 3, 'one for each trace that ends');
    const result = chunks.at(-1).tabseek;
    assert.equal(result.answer, '132');
    assert.equal(result.stopped_by, 'all');
    assert.deepEqual(result.groups[0], { key: '132', count: result.groups[0].count, weight: result.groups[0].count });
    const said = (trace, field) => lanes.filter((l) => l.trace === trace).map((l) => l[field] ?? '').join('');
    const answer = chunks.map((c) => c.choices[0].delta);
    assert.equal(answer.map((d) => d.content ?? '').join(''), said(result.trace, 'content'));
    assert.equal(answer.map((d) => d.reasoning_content ?? '').join(''), said(result.trace, 'reasoning'));
    for (const [i, trace] of result.traces.entries()) assert.equal(lanes.findLast((l) => l.trace === i).tokens, trace.tokens);
    assert.deepEqual(whole.tabseek, result, 'not streamed, the same');
    assert.equal(whole.choices[0].message.content, said(result.trace, 'content'));
    assert.equal(whole.usage.completion_tokens, result.traces.reduce((sum, t) => sum + t.tokens, 0));
  });

  test('a verifier of the caller’s ends all with the first answer that it accepts', async () => {
    const { result, judged } = await page.evaluate(async () => {
      const judged = [];
      const verifier = async (answer) => judged.push(answer) >= 2;
      const { tabseek: result } = await ask('What is 47 + 85?', { strategy: { mode: 'best_of', n: 4, verifier } });
      return { result, judged };
    });
    assert.equal(result.stopped_by, 'verifier');
    assert.equal(result.chosen_by, 'verifier');
    assert.ok(judged.length >= 2);
    assert.match(judged[0], /\d/);
    assert.equal(result.traces.filter((t) => t.accepted === true).length, 1);
  });

  test('one that throws, or says neither true nor false, fails with the text so far', async () => {
    const failures = await page.evaluate(async () => {
      const verifiers = [() => { throw new Error('out of order'); }, async () => Promise.reject(new Error('out of order')), () => 'yes'];
      const strategy = (verifier) => ({ strategy: { mode: 'best_of', n: 2, verifier } });
      return Promise.all(verifiers.map((v) => failure(ask('What is 47 + 85?', strategy(v)))));
    });
    assert.deepEqual(failures.map(({ code, message }) => `${code}: ${message}`), [
      'bad_request: strategy.verifier threw: out of order',
      'bad_request: strategy.verifier threw: out of order',
      'bad_request: strategy.verifier gave "yes", must give true or false',
    ]);
    for (const { fields } of failures) {
      assert.equal(fields.param, 'strategy.verifier');
      assert.ok(fields.traces.some((t) => /\d/.test(t.content) && t.reasoning_content));
    }
    assert.match(await page.evaluate(async () => (await ask('What is 2 + 3?')).choices[0].message.content), /5/, 'the engine goes on');
  });

  test('a stream under way is told to answer now, and to think longer', async () => {
    const thoughts = await page.evaluate(async () => {
      const think = async (steer) => {
        const stream = await ask('What is 47 + 85?', { stream: true, temperature: 0 });
        let [reasoning, content, steered] = ['', '', false];
        for await (const { choices } of stream) {
          reasoning += choices[0].delta.reasoning_content ?? '';
          content += choices[0].delta.content ?? '';
          if (steer && reasoning && !steered) stream[steer]();
          steered ||= reasoning !== '';
        }
        stream.answerNow(); // to one that is over, nothing happens
        return { reasoning, content };
      };
      return { plain: await think(), now: await think('answerNow'), longer: await think('thinkLonger') };
    });
    assert.ok(thoughts.now.reasoning.length < thoughts.plain.reasoning.length, thoughts.now.reasoning);
    assert.ok(thoughts.now.content.trim() !== '');
    assert.match(thoughts.longer.reasoning, /Wait/);
  });

  test('on another GPU all lanes begin anew', async () => {
    const { again, early, result, lanes } = await page.evaluate(async () => {
      const stream = await ask('What is 47 + 85?', { strategy: { mode: 'vote', n: 2, stop: 'none' }, stream: true });
      let [again, early, result, lanes] = [0, 0, undefined, ['', '']];
      for await (const chunk of stream) {
        if (chunk.lane && !early++) engine.loseDevice();
        if (chunk.again) [again, lanes] = [again + 1, ['', '']];
        if (chunk.lane) lanes[chunk.lane.trace] += (chunk.lane.reasoning ?? '') + (chunk.lane.content ?? '');
        result = chunk.tabseek ?? result;
      }
      return { again, early, result, lanes };
    });
    assert.equal(again, 1);
    assert.ok(early > 2);
    assert.equal(result.answer, '132');
    for (const text of lanes) assert.match(text, /boxed\{132\}/);
  });

  test('what is no strategy is refused by name', async () => {
    const params = await page.evaluate(async () => {
      const strategies = [{ mode: 'guess' }, { mode: 'vote', n: 0 }, { mode: 'vote', verifier: { type: 'regex', pattern: '(' } }, { mode: 'best_of', verifier: 'function', m: 2 }, null, 7];
      return Promise.all(strategies.map(async (strategy) => (await failure(ask('2 + 3', { strategy }))).fields?.param ?? 'none'));
    });
    assert.deepEqual(params, ['strategy.mode', 'strategy.n', 'strategy.verifier.pattern', 'strategy.m', 'none', 'strategy']);
  });
});
