// A stand-in for /tabseek.js where the engine is not the point: a model whose answers a test can foresee. A question
// "say TEXT" is answered by TEXT, "count N" by N words, "think N" by N thoughts and a word; each word takes `pace` milliseconds. What files give stands before the question, and
// counts for nothing.
import { instrument } from './support.mjs';

const module = (pace) => `
export * from '/tabseek.js?real';
import { TabseekError } from '/tabseek.js?real';
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const info = { name: 'fake', chat: 'deepseek-v3', context: 4096, vocab_size: 100, layers: 1, params_total: 1, params_active: 1, weight_bytes: 1,
  bytes_per_token: 1, kv_bytes_per_token: 1, chunk: 1, profile: 'none', temperature: 0.6, top_p: 0.95, drafts: false };
globalThis.fakeRequests = [];
function* script(text, begun) {
  const [, verb, rest] = /^(\\w+) ([^]*)$/.exec(text) ?? [];
  if (verb === 'think') for (let i = begun.reasoning ? begun.reasoning.split(' ').length - 1 : 0; i < Number(rest); i++) yield { reasoning_content: 't' + i + ' ' };
  if (verb === 'think' || !verb) return yield { content: 'done' };
  if (text === "say whole" && globalThis.fakeWhole) return yield { content: globalThis.fakeWhole };
  if (verb === "say") return yield* (rest.match(/[^]{1,16}/g) ?? []).map((content) => ({ content }));
  for (let i = begun.content ? begun.content.split(' ').length - 1 : 0; i < Number(rest); i++) yield { content: 'w' + i + ' ' };
}
export async function load(url, { onProgress } = {}) {
  const create = async ({ messages, signal, logprobs }) => {
    globalThis.fakeRequests.push(messages);
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
  return { info, chat: { completions: { create } }, stats: async () => undefined, unload: async () => {} };
}
`;

/** The server with the stand-in before it. */
export async function serveFake(address, { pace = 20 } = {}) {
  const proxy = await instrument(address);
  proxy.replaced.set('/tabseek.js', { type: 'text/javascript', body: module(pace) });
  return proxy;
}
