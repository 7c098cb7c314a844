// The golden requests and events, which Go has written from its structs, on this side of the boundary.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { chunks, completion, encode, engineError, stepOf } from './built/host.js';
import { root } from './support.mjs';

const golden = (name) => JSON.parse(readFileSync(path.join(root, `testdata/messages/${name}.json`), 'utf8'));

test('requests are written as Go reads them', () => {
  for (const request of golden('requests')) assert.deepEqual(JSON.parse(encode(request)), request);
});

/** An answer as the worker tells it: the golden events up to done. */
async function* answer() {
  for (const e of golden('events')) {
    if (e.type === 'done') return yield { kind: 'done', id: e.id, finish_reason: e.finish_reason, usage: e.usage, stats: { decode_seconds: 1 } };
    const step = stepOf(e);
    if (step) yield step;
  }
}

async function gather(stream) {
  const list = [];
  for await (const item of stream) list.push(item);
  return list;
}

const run = (steps) => ({ steps, steer: () => {} });
const read = [];
const answers = (more) => ({ model: 'm', answers: [run(answer()), run(answer())], includeUsage: false, onPrefill: (...at) => read.push(at), ...more });

const five = { id: 53, token: '5', logprob: -0.25, bytes: [53], top_logprobs: [{ id: 53, token: '5', logprob: -0.25, bytes: [53] }, { id: 54, token: '6', logprob: -1.5, bytes: [54] }] };
const usage = { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14, prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 4 } };
const both = { ...usage, completion_tokens: 10, total_tokens: 19, completion_tokens_details: { reasoning_tokens: 8 } };

test('events become the chunks of a stream', async () => {
  const list = await gather(chunks(answers()));
  const { id, created } = list[0];
  assert.match(id, /^chatcmpl-[0-9a-f]{24}$/);
  assert.ok(Math.abs(created - Date.now() / 1000) < 10);
  const chunk = (index, delta, more = {}, finish_reason = null, logprobs = null) => ({
    id, object: 'chat.completion.chunk', created, model: 'm', choices: [{ index, delta, logprobs, finish_reason }], ...more,
  });
  const one = (index) => [
    chunk(index, { role: 'assistant' }),
    chunk(index, { reasoning_content: '2+3\n' }, { tokens: 4 }),
    chunk(index, { content: '5' }, { tokens: 5 }, null, { content: [five] }),
    chunk(index, {}, { usage, stats: { decode_seconds: 1 } }, 'stop'),
  ];
  for (const index of [0, 1]) assert.deepEqual(list.filter((c) => c.choices[0].index === index), one(index));
  assert.equal(list[1].choices[0].index, 1, 'the second does not wait for the first');
  assert.deepEqual(read, [[9, 9]], 'the prompt is read once');
});

test('with include_usage, usage is null until a last chunk has all of it', async () => {
  const list = await gather(chunks(answers({ includeUsage: true })));
  const last = list.pop();
  assert.ok(list.every((c) => c.usage === null && c.choices.length === 1));
  assert.deepEqual([last.choices, last.usage], [[], both]);
});

test('an aborted answer says so', async () => {
  async function* aborted() {
    for await (const step of answer()) yield step.kind === 'done' ? { ...step, finish_reason: 'abort' } : step;
  }
  const list = await gather(chunks(answers({ answers: [run(aborted())] })));
  assert.equal(list.at(-1).choices[0].finish_reason, 'abort');
});

test('the whole of it', async () => {
  const { id, created, ...rest } = await completion(chunks(answers({ includeUsage: true })));
  const choice = (index) => ({ index, message: { role: 'assistant', content: '5', reasoning_content: '2+3\n' }, logprobs: { content: [five] }, finish_reason: 'stop' });
  assert.deepEqual(rest, { object: 'chat.completion', model: 'm', choices: [choice(0), choice(1)], usage: both });
});

test('an error keeps its code and the name of the parameter', () => {
  const e = engineError(golden('events').find((event) => event.type === 'error'));
  assert.deepEqual([e.name, e.code, e.message, e.fields], ['TabseekError', 'bad_request', 'max_tokens is 8.5, must be an integer from 1 on', { param: 'max_tokens' }]);
});
