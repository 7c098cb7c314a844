// A stand-in for /tabseek.js where the engine is not the point: a model whose answers a test can foresee. A question
// "say TEXT" is answered by TEXT, "count N" by N words, "think N" by N thoughts and a word; each word takes `pace` milliseconds. What files give stands before the question, and
// counts for nothing.
import { instrument } from './support.mjs';

const module = (pace) => `
export * from '/tabseek.js?real';
import { TabseekError } from '/tabseek.js?real';
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const info = { name: 'fake', chat: 'deepseek-v3', context: 4096, vocab_size: 100, layers: 1, attention: 'MLA', params_total: 1, params_active: 1, weight_bytes: 1,
  bytes_per_token: 1, kv_bytes_per_token: 1, kv_bytes_per_token_expanded: 8, bytes_by_part: { attention: 1, routed: 0, shared: 0, head: 0, other: 0 }, chunk: 1, profile: 'none', temperature: 0.6, top_p: 0.95, drafts: false, sequences: 16 };
export const examineDevice = async () => ({ name: 'fake', bytes_per_second: 1e9, max_binding: 2 ** 30, wrong: [] });
globalThis.fakeRequests = [];
function* script(text, begun) {
  const [, verb, rest] = /^(\\w+) ([^]*)$/.exec(text) ?? [];
  if (verb === 'think') for (let i = begun.reasoning ? begun.reasoning.split(' ').length - 1 : 0; i < Number(rest); i++) yield { reasoning_content: 't' + i + ' ' };
  if (verb === 'think' || !verb) return yield { content: 'done' };
  if (text === "say whole" && globalThis.fakeWhole) return yield { content: globalThis.fakeWhole };
  if (verb === "say") return yield* (rest.match(/[^]{1,16}/g) ?? []).map((content) => ({ content }));
  for (let i = begun.content ? begun.content.split(' ').length - 1 : 0; i < Number(rest); i++) yield { content: 'w' + i + ' ' };
}
// "vote A B C" has samples that answer A, B and C in turn; the first that leads at the end is the answer.
function vote(asked, n, signal) {
  const answers = asked.split(' ').slice(1);
  let told;
  const stream = (async function* () {
    const groups = [];
    const traces = [];
    const said = (delta, more) => ({ choices: [{ index: 0, delta, finish_reason: null, logprobs: null }], ...more });
    for (let step = 1; step <= 6; step++) {
      for (let trace = 0; trace < n; trace++) {
        if (signal.aborted || told === 'answerNow') break;
        yield said({}, { lane: { trace, purpose: 'answer', reasoning: 't' + step + ' ', tokens: 8 * step, thinking: true, confidence: 10 + 3 * Math.sin(step + trace) } });
      }
      if (${pace}) await sleep(${pace});
      while (globalThis.fakeHold && !signal.aborted && !told) await sleep(5);
    }
    for (let trace = 0; trace < n; trace++) {
      const key = answers[trace % answers.length];
      const finish = signal.aborted ? 'abort' : 'stop';
      const lane = { trace, purpose: 'answer', tokens: 50, thinking: false, confidence: 12, ...(!signal.aborted && { content: 'It is ' + key, answer: key }), finish };
      yield said({}, { lane });
      traces.push({ finish, tokens: 50, reasoning_tokens: 48, conf_low: 9, conf_tail: 12, score: -0.1, ...(lane.answer && { answer: key }) });
      if (signal.aborted) continue;
      const group = groups.find((g) => g.key === key) ?? groups[groups.push({ key, count: 0, weight: 0 }) - 1];
      group.weight = ++group.count;
      groups.sort((a, b) => b.count - a.count);
      yield said({}, { tally: { groups: structuredClone(groups), agreement: groups[0].count / (trace + 1), ended: trace + 1, running: n - trace - 1 } });
    }
    const won = groups[0] && groups[0].count > (groups[1]?.count ?? 0);
    const trace = traces.findIndex((t) => won && t.answer === groups[0].key);
    if (!signal.aborted) yield said(won ? { reasoning_content: 't1 t2 ', content: 'It is ' + groups[0].key } : { content: 'No majority: ' + groups.map((g) => g.count + ' × ' + g.key).join(', ') + '.' }, { tokens: 50 });
    const tabseek = { answer: won ? groups[0].key : null, groups, agreement: groups[0] ? groups[0].count / n : 0, stopped_by: signal.aborted ? 'abort' : 'all', chosen_by: won ? 'majority' : 'none', ...(won && { trace }), traces, saved_tokens: 0 };
    const usage = { prompt_tokens: 5, completion_tokens: 50 * n, total_tokens: 5 + 50 * n, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 48 * n } };
    yield { choices: [{ index: 0, delta: {}, finish_reason: signal.aborted ? 'abort' : 'stop', logprobs: null }], usage, tabseek };
  })();
  return Object.assign(stream, { answerNow: () => (globalThis.fakeTold = told = 'answerNow'), thinkLonger: () => (globalThis.fakeTold = 'thinkLonger') });
}
// A model elsewhere, that answers "elsewhere".
export function remote(url) {
  const create = async (request) => {
    globalThis.fakeRemote = { url, messages: request.messages, strategy: request.strategy };
    return (async function* () {
      yield { choices: [{ index: 0, delta: { content: 'elsewhere' }, finish_reason: null, logprobs: null }] };
      yield { choices: [{ index: 0, delta: {}, finish_reason: 'stop', logprobs: null }], usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 } };
    })();
  };
  return { remote: true, info: { name: 'big', context: 0 }, chat: { completions: { create } }, models: async () => [], capabilities: async () => ({ n: true, logprobs: true }), unload: async () => {} };
}
export async function load(url, { onProgress } = {}) {
  const create = async ({ messages, signal, logprobs, strategy }) => {
    globalThis.fakeRequests.push(messages);
    globalThis.fakeStrategy = strategy;
    if (strategy) return vote(messages.at(-1).content, strategy.n, signal);
    const asked = messages.findLast((m) => m.role === 'user').content.replace(/^[^]*(\\[file content end\\]|user's message is:)\\n/, '');
    if (asked === 'fail') throw new TabseekError('device_lost', 'as asked');
    const last = messages.at(-1);
    const begun = last.role === 'assistant' ? { content: last.content, reasoning: last.reasoning_content } : {};
    return (async function* () {
      let tokens = 0;
      let reason = 'stop';
      for (const delta of script(asked, begun)) {
        if (signal.aborted) { reason = 'abort'; break; }
        tokens++;
        const entry = { id: tokens, token: delta.content ?? '', logprob: -0.5, bytes: [], top_logprobs: [{ id: 1, token: 'other', logprob: -1, bytes: [] }] };
        yield { choices: [{ index: 0, delta, finish_reason: null, logprobs: logprobs && delta.content ? { content: [entry] } : null }], tokens };
        if (${pace}) await sleep(${pace});
      }
      const usage = { prompt_tokens: 5, completion_tokens: tokens, total_tokens: 5 + tokens, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } };
      yield { choices: [{ index: 0, delta: {}, finish_reason: reason, logprobs: null }], usage };
    })();
  };
  return { info, chat: { completions: { create } }, experts: async () => ({ layers: [[], [3, 0, 1, 8]] }), stats: async () => undefined, unload: async () => {} };
}
`;

/** The server with the stand-in before it. */
export async function serveFake(address, { pace = 20 } = {}) {
  const proxy = await instrument(address);
  proxy.replaced.set('/tabseek.js', { type: 'text/javascript', body: module(pace) });
  return proxy;
}
