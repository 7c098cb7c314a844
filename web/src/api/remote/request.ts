// A request in the words that servers of OpenAI's API understand. Servers ignore what they do not know, so what is wrong is
// refused here, by name.

import { TabseekError } from '../../shared/messages';
import { bounds, type Effort, type Message, type Params } from '../../shared/messages.gen';
import { refuse, show } from '../encode';

/** How a parameter is checked, and whether it is sent under its name. */
interface Rule {
  check: (value: unknown) => string | undefined;
  sent?: boolean;
}

const number = (name: keyof typeof bounds): Rule['check'] => {
  const { min, max, integer } = bounds[name];
  return (v) => {
    if (typeof v === 'number' && v >= min && v <= max && (!integer || Number.isInteger(v))) return undefined;
    return `must be ${integer ? 'an integer' : 'a number'} from ${min} ${max === Infinity ? 'on' : `to ${max}`}`;
  };
};
const boolean: Rule['check'] = (v) => (typeof v === 'boolean' ? undefined : 'must be true or false');
const text: Rule['check'] = (v) => (typeof v === 'string' ? undefined : 'must be text');
const object: Rule['check'] = (v) => (typeof v === 'object' && v !== null && !Array.isArray(v) ? undefined : 'must be an object');
const texts: Rule['check'] = (v) => (typeof v === 'string' || (Array.isArray(v) && v.every((t) => typeof t === 'string')) ? undefined : 'must be a text or a list of texts');

const EFFORTS: Record<Effort, true> = { none: true, minimal: true, low: true, medium: true, high: true, xhigh: true, max: true, ultra: true };
const effort: Rule['check'] = (v) => (typeof v === 'string' && v in EFFORTS ? undefined : `must be ${Object.keys(EFFORTS).join(', ')}`);
const thinking: Rule['check'] = (v) => {
  const type = (v as { type?: unknown } | null)?.type;
  return typeof v === 'boolean' || type === 'enabled' || type === 'disabled' ? undefined : 'must be true, false or {"type":"enabled"} or {"type":"disabled"}';
};

const RULES: Record<Exclude<keyof Params, 'strategy'>, Rule> = {
  temperature: { check: number('temperature'), sent: true },
  top_k: { check: number('top_k'), sent: true },
  top_p: { check: number('top_p'), sent: true },
  min_p: { check: number('min_p'), sent: true },
  repetition_penalty: { check: number('repetition_penalty'), sent: true },
  presence_penalty: { check: number('presence_penalty'), sent: true },
  frequency_penalty: { check: number('frequency_penalty'), sent: true },
  logit_bias: { check: object, sent: true },
  seed: { check: number('seed'), sent: true },
  max_tokens: { check: number('max_tokens') },
  max_completion_tokens: { check: number('max_completion_tokens') },
  stop: { check: texts, sent: true },
  ignore_eos: { check: boolean, sent: true },
  logprobs: { check: boolean, sent: true },
  top_logprobs: { check: number('top_logprobs'), sent: true },
  thinking: { check: thinking },
  enable_thinking: { check: boolean },
  reasoning_effort: { check: effort, sent: true },
  thinking_budget: { check: number('thinking_budget') },
  thinking_token_budget: { check: number('thinking_token_budget') },
  reasoning_budget_tokens: { check: number('reasoning_budget_tokens') },
  thinking_budget_tokens: { check: number('thinking_budget_tokens') },
  max_thinking_tokens: { check: number('max_thinking_tokens') },
  draft: { check: () => undefined }, // the other server's own affair
  n: { check: number('n') },
  stream: { check: boolean },
  stream_options: { check: object },
  model: { check: text },
  // For a service's books; what somebody does here is not told elsewhere.
  user: { check: text },
  metadata: { check: object },
  safety_identifier: { check: text },
  prompt_cache_key: { check: text },
};

/** Refuses what is unknown, of another type, out of bounds, or nothing that another server can do. */
export function checkRequest(messages: Message[], params: Params): void {
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null) continue;
    const rule = RULES[name as keyof typeof RULES] as Rule | undefined;
    if (!rule) throw refuse(name, 'is not a parameter');
    const problem = rule.check(value);
    if (problem) throw refuse(name, `is ${show(value)}, ${problem}`);
  }
  if (params.top_logprobs && !params.logprobs) throw refuse('top_logprobs', 'needs logprobs');
  checkMessages(messages);
}

const ROLES = ['system', 'developer', 'user', 'assistant'];

function checkMessages(messages: Message[]): void {
  if (!Array.isArray(messages) || messages.length === 0) throw refuse('messages', 'must be a list of at least one');
  messages.forEach((m, i) => {
    const at = `messages[${i}]`;
    if (object(m)) throw refuse(at, `is ${show(m)}, must be an object`);
    if (!ROLES.includes(m.role)) throw refuse(`${at}.role`, `is ${show(m.role)}, must be ${ROLES.join(', ')}`);
    const whole = typeof m.content === 'string' || (Array.isArray(m.content) && m.content.every((p) => p?.type === 'text' && typeof p.text === 'string'));
    if (!whole) throw refuse(`${at}.content`, `is ${show(m.content)}, must be text or a list of parts of type text`);
  });
  if (messages.at(-1)!.role === 'assistant') throw unsupported('messages', 'end with an answer, which only a model in this tab can continue');
}

export const unsupported = (param: string, message: string): TabseekError => new TabseekError('unsupported', `${param} ${message}`, { param });

/** How long the model may think, by whichever of its names: the least holds. */
export function budgetOf(params: Params): number | undefined {
  const told = [params.thinking_budget, params.thinking_token_budget, params.reasoning_budget_tokens, params.thinking_budget_tokens, params.max_thinking_tokens].filter((b) => typeof b === 'number');
  return told.length > 0 ? Math.min(...told) : undefined;
}

/** What is posted. It always streams, so that stopping is felt at once and no proxy on the way loses its patience. */
export function bodyOf(model: string, messages: Message[], params: Params, n: number): Record<string, unknown> {
  const body: Record<string, unknown> = { model: params.model ?? model, messages: messages.map(messageOf), stream: true, stream_options: { include_usage: true } };
  for (const [name, { sent }] of Object.entries(RULES)) {
    const value = params[name as keyof Params];
    if (sent && value !== undefined && value !== null) body[name] = value;
  }
  const limits = [params.max_tokens, params.max_completion_tokens].filter((l) => typeof l === 'number');
  if (limits.length > 0) body.max_tokens = Math.min(...limits); // the name that all of them know
  if (n > 1) body.n = n;
  return { ...body, ...thinkingIn(params), ...budgetIn(budgetOf(params)) };
}

/** Earlier reasoning is of use to none of them in a plain conversation, and some refuse it. */
function messageOf({ role, content }: Message): { role: string; content: string } {
  const joined = typeof content === 'string' ? content : content.map((p) => p.text).join('');
  return { role: role === 'developer' ? 'system' : role, content: joined };
}

/** DeepSeek reads the first; vLLM, SGLang and llama-server hand the second to the model's template, which knows one of the two names. */
function thinkingIn({ thinking, enable_thinking, reasoning_effort }: Params): Record<string, unknown> {
  const told = typeof thinking === 'object' && thinking ? thinking.type === 'enabled' : thinking;
  const wanted = reasoning_effort === 'none' ? false : (told ?? enable_thinking ?? undefined);
  if (wanted === undefined) return {};
  return { thinking: { type: wanted ? 'enabled' : 'disabled' }, chat_template_kwargs: { thinking: wanted, enable_thinking: wanted } };
}

/** The names of vLLM, of llama-server (two), and of others. */
export function budgetIn(tokens: number | undefined): Record<string, unknown> {
  if (tokens === undefined) return {};
  return { thinking_token_budget: tokens, thinking_budget_tokens: tokens, reasoning_budget_tokens: tokens, thinking_budget: tokens };
}
