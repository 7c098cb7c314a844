// Clients that others wrote, against tabseek-headless serve with the default model: node alone, no browser.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { root } from './support.mjs';

const key = 's3cret';
const messages = [{ role: 'user', content: 'What is 47 + 85?' }];
const greedy = { model: 'pocket', messages, temperature: 0 };

let server, baseURL, client;

before(async () => {
  server = spawn(path.join(root, 'bin/tabseek-headless'), ['serve', 'pocket', '--addr', '127.0.0.1:0', '--sequences', '4', '--queue', '8', '--api-key-env', 'TABSEEK_TEST_KEY'], {
    env: { ...process.env, TABSEEK_TEST_KEY: key }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let failure = '';
  server.stderr.on('data', (text) => (failure += text));
  for await (const line of createInterface(server.stdout)) {
    baseURL = line.match(/answers at (\S+)/)?.[1];
    break;
  }
  assert.ok(baseURL, failure);
  client = new OpenAI({ baseURL, apiKey: key, maxRetries: 0 });
});

after(async () => {
  server.kill('SIGTERM');
  const code = server.exitCode ?? (await new Promise((resolve) => server.once('exit', resolve)));
  assert.equal(code, 0);
});

test('openai: a chat', async () => {
  const { choices, usage, object } = await client.chat.completions.create(greedy);
  assert.equal(object, 'chat.completion');
  assert.match(choices[0].message.content, /132/);
  assert.match(choices[0].message.reasoning_content, /7\+5=12/);
  assert.equal(choices[0].finish_reason, 'stop');
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  assert.ok(usage.completion_tokens_details.reasoning_tokens > 0);
});

test('openai: a stream is the same chat', async () => {
  const whole = await client.chat.completions.create(greedy);
  const stream = await client.chat.completions.create({ ...greedy, stream: true, stream_options: { include_usage: true } });
  let content = '';
  let reasoning = '';
  let usage;
  for await (const chunk of stream) {
    content += chunk.choices[0]?.delta.content ?? '';
    reasoning += chunk.choices[0]?.delta.reasoning_content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(content, whole.choices[0].message.content);
  assert.equal(reasoning, whole.choices[0].message.reasoning_content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test('openai: its helper gathers several answers of a stream', async () => {
  const several = { model: 'pocket', messages, seed: 11, n: 3, temperature: 1 };
  const whole = await client.chat.completions.create(several);
  const gathered = await client.chat.completions.stream(several).finalChatCompletion();
  assert.deepEqual(gathered.choices.map((c) => c.message.content), whole.choices.map((c) => c.message.content));
  assert.deepEqual(gathered.choices.map((c) => c.index), [0, 1, 2]);
  const alone = await client.chat.completions.create({ ...several, n: 1, seed: 13 });
  assert.equal(alone.choices[0].message.content, whole.choices[2].message.content, 'answer 2 has the seed after the first by 2');
});

test('openai: stop ends the answer, not the reasoning', async () => {
  const whole = (await client.chat.completions.create(greedy)).choices[0].message;
  assert.ok(whole.reasoning_content.includes('+') && whole.content.includes('+'), 'both have what is stopped at');
  const { choices } = await client.chat.completions.create({ ...greedy, stop: ['+'] });
  assert.equal(choices[0].message.reasoning_content, whole.reasoning_content);
  assert.equal(choices[0].message.content, whole.content.slice(0, whole.content.indexOf('+')));
  assert.equal(choices[0].finish_reason, 'stop');
});

test('openai: log-probabilities are those of the answer', async () => {
  const { choices } = await client.chat.completions.create({ ...greedy, logprobs: true, top_logprobs: 3 });
  const { content, reasoning_content: reasoning } = choices[0].logprobs;
  assert.equal(Buffer.from(content.flatMap((t) => t.bytes)).toString(), choices[0].message.content);
  assert.ok(reasoning.length > 0);
  for (const { logprob, top_logprobs } of content) {
    assert.ok(logprob <= 0);
    assert.equal(top_logprobs.length, 3);
    assert.ok(Math.abs(top_logprobs[0].logprob - logprob) < 1e-6, 'a greedy answer has the likeliest tokens');
  }
});

test('openai: a strategy makes one answer of several', async () => {
  const { choices, usage, tabseek } = await client.chat.completions.create({ model: 'pocket', messages, seed: 1, strategy: { mode: 'vote', n: 4, stop: 'none' } });
  assert.equal(choices.length, 1);
  assert.equal(tabseek.answer, '132');
  assert.equal(tabseek.traces.length, 4);
  assert.equal(usage.completion_tokens, tabseek.traces.reduce((sum, t) => sum + t.tokens, 0));
});

test('openai: raw completions', async () => {
  const raw = { model: 'pocket', prompt: ['1 + 1 =', '2 + 2 ='], max_tokens: 8, temperature: 0 };
  const whole = await client.completions.create(raw);
  assert.deepEqual(whole.choices.map((c) => c.index), [0, 1]);
  const texts = ['', ''];
  for await (const { choices } of await client.completions.create({ ...raw, stream: true })) for (const c of choices) texts[c.index] += c.text;
  assert.deepEqual(texts, whole.choices.map((c) => c.text));
});

test('openai: failures have their classes', async () => {
  const failing = (change, options) => client.chat.completions.create({ ...greedy, ...change }, options);
  await assert.rejects(failing({ temperature: 'hot' }), (e) => e instanceof OpenAI.BadRequestError && e.param === 'temperature' && e.code === 'bad_request');
  await assert.rejects(failing({ messages: [{ role: 'user', content: '1 + '.repeat(3000) }] }), (e) => e.status === 400 && e.code === 'context_length_exceeded');
  await assert.rejects(failing({ model: 'gpt-4' }), OpenAI.NotFoundError);
  await assert.rejects(new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
  await assert.rejects(failing({ n: 13 }), (e) => e.status === 400 && e.param === 'n');
});

test('openai: models', async () => {
  const { data } = await client.models.list();
  assert.deepEqual(data.map((m) => m.id), ['pocket']);
  assert.equal((await client.models.retrieve('pocket')).object, 'model');
});

test('openai: an aborted stream ends, and the next request is answered', async () => {
  const stream = await client.chat.completions.create({ ...greedy, max_tokens: 1500, ignore_eos: true, stream: true });
  for await (const chunk of stream) if (chunk.choices[0].delta.reasoning_content) break;
  stream.controller.abort();
  const { choices } = await client.chat.completions.create(greedy);
  assert.equal(choices[0].finish_reason, 'stop');
});

test('ai: generateText and streamText', async () => {
  const tabseek = createOpenAICompatible({ name: 'tabseek', baseURL, apiKey: key, includeUsage: true });
  const ask = { model: tabseek('pocket'), messages, temperature: 0, maxRetries: 0 };
  const { text, reasoningText, finishReason, usage } = await generateText(ask);
  assert.match(text, /132/);
  assert.match(reasoningText, /7\+5=12/);
  assert.equal(finishReason, 'stop');
  assert.ok(usage.outputTokens > 0 && usage.inputTokens > 0);
  const stream = streamText(ask);
  let streamed = '';
  for await (const part of stream.textStream) streamed += part;
  assert.equal(streamed, text);
  assert.equal(await stream.reasoningText, reasoningText);
  assert.equal((await stream.usage).outputTokens, usage.outputTokens);
});

test('curl: a chat, a stream, a failure', async () => {
  const curl = async (...args) => (await promisify(execFile)('curl', ['-sN', '-H', `Authorization: Bearer ${key}`, ...args])).stdout;
  const body = JSON.stringify(greedy);
  assert.match(JSON.parse(await curl(`${baseURL}/chat/completions`, '-d', body)).choices[0].message.content, /132/);
  const events = await curl(`${baseURL}/chat/completions`, '-d', JSON.stringify({ ...greedy, stream: true }));
  assert.ok(events.startsWith('data: {') && events.endsWith('data: [DONE]\n\n'));
  assert.equal(await curl('-o', '/dev/null', '-w', '%{http_code}', `${baseURL}/chat/completions`, '-d', '{'), '400');
  assert.equal(await curl(new URL('/healthz', baseURL).href), 'ok\n');
});
