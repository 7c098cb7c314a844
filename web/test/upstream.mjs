// Servers of OpenAI's API that a test can foresee, in the dialects of those that exist: what a model thinks and says to
// "QUESTION" is "thought of QUESTION" and "answer to QUESTION"; with several choices, "…, NUMBER".
import { createServer } from 'node:http';

const words = (text) => text.match(/\S+\s*/g) ?? [];

/** The chunks of an answer: what each dialect calls the reasoning, and puts around it. */
export const dialects = {
  vLLM: {
    n: true, logprobs: true, budgets: 'thinking_token_budget', models: [{ id: 'm', max_model_len: 4096 }],
    begin: { role: 'assistant', content: '' }, think: (reasoning) => ({ reasoning }), say: (content) => ({ content }), comment: ': keep-alive',
  },
  SGLang: {
    n: true, logprobs: true, models: [{ id: 'm' }],
    begin: { role: 'assistant', content: null, reasoning_content: null }, think: (t) => ({ role: null, content: null, reasoning_content: t, tool_calls: null }), say: (t) => ({ role: null, content: t, reasoning_content: null }),
  },
  'llama-server': {
    n: 4, logprobs: true, budgets: 'reasoning_budget_tokens', models: [{ id: 'm', meta: { n_ctx_train: 8192 } }],
    begin: { role: 'assistant', content: null }, think: (reasoning_content) => ({ reasoning_content }), say: (content) => ({ content }), comment: ':\n\n: ping',
  },
  Ollama: {
    models: [{ id: 'm', object: 'model' }, { id: 'other' }],
    begin: { role: 'assistant', content: '' }, think: (reasoning) => ({ role: 'assistant', content: '', reasoning }), say: (content) => ({ role: 'assistant', content }),
  },
  DeepSeek: {
    logprobs: true, models: [{ id: 'm' }], usageWithFinish: true,
    begin: { role: 'assistant', content: null, reasoning_content: '' }, think: (t) => ({ content: null, reasoning_content: t }), say: (t) => ({ content: t, reasoning_content: null }), comment: ': keep-alive',
  },
};

const usage = (tokens, thought) => ({ prompt_tokens: 7, completion_tokens: tokens, total_tokens: 7 + tokens, ...(thought && { completion_tokens_details: { reasoning_tokens: thought } }) });

/** What a request is answered by, as the data of events. Choices come in turns. */
export function* script(dialect, { messages, n = 1, ...request }) {
  if (n > 1 && typeof dialect.n === 'number' && n > dialect.n) throw new Error(`n must be at most ${dialect.n}`);
  const choices = dialect.n ? n : 1;
  const question = messages.at(-1).content;
  const names = Array.from({ length: choices }, (_, i) => (choices > 1 ? `, ${i}` : ''));
  const budget = dialect.budgets && request[dialect.budgets];
  const thought = names.map((name) => (question.startsWith('List all primes') ? words('2 3 5 7 11 '.repeat(40)) : words(`thought of ${question}${name}`)).slice(0, budget));
  const parts = names.map((name, i) => [...thought[i].map(dialect.think), ...words(`answer to ${question}${name}`).map(dialect.say)].slice(0, request.max_tokens));
  const chunk = (index, delta, finish_reason = null, more = {}) => ({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index, delta, logprobs: null, finish_reason, ...more }] });
  const logprobs = request.logprobs && dialect.logprobs && { logprobs: { content: [{ token: 'a', logprob: -0.5, bytes: [97], top_logprobs: [{ token: 'b', logprob: -1 }] }] } };
  for (const i of names.keys()) yield chunk(i, dialect.begin);
  for (let at = 0; at < Math.max(...parts.map((p) => p.length)); at++) {
    for (const i of [...names.keys()].reverse()) if (parts[i][at]) yield chunk(i, parts[i][at], null, logprobs || {});
  }
  const total = usage(parts.flat().length, dialect.usageWithFinish && Math.min(thought[0].length, parts[0].length));
  const reason = parts[0].length === request.max_tokens ? 'length' : 'stop';
  for (const i of names.keys()) yield { ...chunk(i, dialect.say(''), reason), ...(dialect.usageWithFinish && { usage: total }) };
  if (!dialect.usageWithFinish && request.stream_options?.include_usage) yield { id: 'x', choices: [], usage: total };
}

/** The same answer as one JSON. */
function whole(chunks) {
  const choices = [];
  let usage;
  for (const chunk of chunks) {
    usage = chunk.usage ?? usage;
    for (const { index, delta, logprobs, finish_reason } of chunk.choices) {
      const choice = (choices[index] ??= { index, message: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null });
      for (const name of ['content', 'reasoning', 'reasoning_content']) if (delta[name]) choice.message[name] = (choice.message[name] ?? '') + delta[name];
      choice.logprobs = logprobs ?? choice.logprobs;
      choice.finish_reason = finish_reason ?? choice.finish_reason;
    }
  }
  return { id: 'x', object: 'chat.completion', choices, usage };
}

/**
 * Starts a server. `instead(request, response, body)` may answer in its place, by returning true. `asked` has the bodies of what was
 * asked, `open` how many answers are under way.
 */
export async function upstream(dialect, { instead = () => false, pace = 0 } = {}) {
  const asked = [];
  const state = { open: 0, instead };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    asked.push({ path: request.url, headers: request.headers, body: body && JSON.parse(body) });
    state.open++;
    response.on('close', () => state.open--);
    if (await state.instead(request, response, body && JSON.parse(body))) return;
    const json = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (request.url === '/v1/models') return json(200, { object: 'list', data: dialect.models });
    const asks = JSON.parse(body);
    let chunks;
    try {
      chunks = [...script(dialect, asks)];
    } catch (e) {
      return json(400, { error: { message: e.message, type: 'invalid_request_error' } });
    }
    if (!asks.stream) return json(200, whole(chunks));
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (const chunk of chunks) {
      if (dialect.comment) response.write(`${dialect.comment}\n\n`);
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      if (pace) await new Promise((resolve) => setTimeout(resolve, pace));
      if (response.destroyed) return;
    }
    response.end('data: [DONE]\n\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections()));
  return Object.assign(state, { address: `http://127.0.0.1:${server.address().port}`, asked, stop });
}
