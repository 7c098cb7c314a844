// Help from a bigger model where traces do not agree, without a browser: the strategy's chunks are made up, the bigger model is a
// fake server.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { checkEscalate, completion, escalating, remote } from './built/host.js';
import { dialects, upstream } from './upstream.mjs';

let up, to;
before(async () => {
  up = await upstream(dialects.DeepSeek);
  to = remote(up.address, { model: 'm' });
});
after(() => up.stop());
beforeEach(() => {
  up.asked.length = 0;
  up.instead = () => false;
});

const messages = [{ role: 'user', content: 'it' }];
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } };

/** A vote of two, as the engine tells it. */
async function* vote(tabseek, finish_reason = 'stop') {
  const head = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'small', usage: null };
  const choice = (delta, finish_reason = null) => ({ choices: [{ index: 0, delta, logprobs: null, finish_reason }] });
  yield { ...head, ...choice({ role: 'assistant' }) };
  yield { ...head, ...choice({}), lane: { trace: 0, content: 'so' } };
  yield { ...head, ...choice({}), lane: { trace: 1, content: ' or so ' } };
  yield { ...head, ...choice({ content: 'so' }) };
  yield { ...head, ...choice({}, finish_reason), tabseek };
  yield { ...head, choices: [], usage };
}
const ask = (result, escalate, more) => completion(escalating(vote(result, more), { to, ...escalate }, { messages }));

test('an answer that agrees stands, and nobody is asked', async () => {
  const { choices, tabseek } = await ask({ answer: 'so', agreement: 0.5 }, { below: 0.5 });
  assert.equal(choices[0].message.content, 'so');
  assert.deepEqual(tabseek, { answer: 'so', agreement: 0.5 });
  assert.deepEqual(up.asked, []);
});

for (const [name, result] of [['little agreement', { answer: 'so', agreement: 0.4 }], ['no majority', { answer: null, agreement: 0.9 }]]) {
  test(`${name}: the bigger model answers`, async () => {
    const { choices, tabseek, usage: counted } = await ask(result, { below: 0.5 });
    assert.deepEqual(choices[0].message, { role: 'assistant', content: 'answer to it', reasoning_content: 'thought of it' });
    assert.equal(choices[0].finish_reason, 'stop');
    assert.equal(tabseek.answer, result.answer, 'what the traces came to stays');
    assert.equal(tabseek.escalated.model, 'm');
    assert.equal(tabseek.escalated.usage.completion_tokens, 6);
    assert.deepEqual(counted, usage);
    assert.deepEqual(up.asked.map((a) => a.body.messages), [messages]);
  });
}

test('it is told what the traces came to, if that is wanted', async () => {
  await ask({ answer: null, agreement: 0 }, { below: 0.5, traces: true });
  assert.match(up.asked[0].body.messages[0].content, /^it\n\n.*\n1\. so\n2\. or so$/);
});

test('where it fails, the answer stands that there was', async () => {
  up.instead = (_, response) => response.writeHead(500).end();
  const { choices, tabseek } = await ask({ answer: 'so', agreement: 0.1 }, { below: 0.5 });
  assert.equal(choices[0].message.content, 'so');
  assert.deepEqual(tabseek.escalated, { error: { code: 'remote_failed', message: 'the server answered with status 500' } });
});

test('an answer that was stopped is not asked for elsewhere', async () => {
  const { choices } = await ask({ answer: null, agreement: 0 }, { below: 0.5 }, 'abort');
  assert.equal(choices[0].finish_reason, 'abort');
  assert.deepEqual(up.asked, []);
});

test('what is no request for help is refused by name', () => {
  for (const [escalate, strategy, param] of [
    [{ below: 0.5, to }, undefined, 'escalate'], ['yes', 'vote', 'escalate'], [{ below: 2, to }, 'vote', 'escalate.below'], [{ below: NaN, to }, 'vote', 'escalate.below'],
    [{ below: 0.5, to: '/remote/big' }, 'vote', 'escalate.to'], [{ below: 0.5, to, traces: 1 }, 'vote', 'escalate.traces'],
  ]) assert.throws(() => checkEscalate(escalate, strategy), { code: 'bad_request', fields: { param } });
  checkEscalate(undefined, undefined);
  checkEscalate({ below: 0, to }, 'vote');
});
