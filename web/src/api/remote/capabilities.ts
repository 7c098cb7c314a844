// What a server can do. Servers ignore in silence what they do not know, so each thing is tried once.

import { TabseekError } from '../../shared/messages';
import { encode } from '../encode';
import { pieces } from './answer';
import { budgetIn } from './request';
import type { Server } from './server';

/** What was found out of a server and a model of its. */
export interface Capabilities {
  /** Several answers to one request. */
  n: boolean;
  /** Log-probabilities of tokens. */
  logprobs: boolean;
  /** A limit on thinking that holds; undefined for a model that was not seen to think. */
  budgets?: boolean;
  /** Positions of a sequence, where the server tells. */
  context?: number;
}

/** A model that a server lists. */
export interface RemoteModel {
  id: string;
  context?: number;
}

interface WireModel {
  id?: unknown;
  max_model_len?: unknown; // vLLM, SGLang
  context_length?: unknown; // gateways
  context_window?: unknown;
  meta?: { n_ctx?: unknown; n_ctx_train?: unknown } | null; // llama-server
}

export async function listModels(server: Server, signal: AbortSignal): Promise<RemoteModel[]> {
  const { data } = ((await server.json('models', undefined, signal)) ?? {}) as { data?: WireModel[] };
  if (!Array.isArray(data)) throw new TabseekError('remote_failed', 'the server’s list of models is none');
  return data.filter((m) => typeof m?.id === 'string').map((m) => {
    const context = [m.max_model_len, m.context_length, m.context_window, m.meta?.n_ctx, m.meta?.n_ctx_train].find((c) => typeof c === 'number' && c > 0) as number | undefined;
    return { id: m.id as string, ...(context && { context }) };
  });
}

const HELLO = { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 1 };

export async function canAnswerOften(server: Server, model: string, signal: AbortSignal): Promise<boolean> {
  const answer = await attempt(server, { model, ...HELLO, n: 2 }, signal);
  return (answer?.choices?.length ?? 0) > 1;
}

export async function tellsLogprobs(server: Server, model: string, signal: AbortSignal): Promise<boolean> {
  const { logprobs } = (await attempt(server, { model, ...HELLO, logprobs: true, top_logprobs: 1 }, signal))?.choices?.[0] ?? {};
  return (logprobs?.content?.length ?? 0) + (logprobs?.reasoning_content?.length ?? 0) > 0;
}

/** So many tokens may be thought in the trial, and so many in all: enough to see that the thinking goes on. */
const BUDGET = 8;
const ROOM = 96;
/** Characters of that many tokens, with whatever a server closes the thinking with. */
const SHORT = 160;

/** A model that is told to think little about much either stops, or runs into the limit. */
export async function keepsBudgets(server: Server, model: string, signal: AbortSignal): Promise<boolean | undefined> {
  const question = 'List all primes below 100, then find two of them whose product is 4757. Check each step.';
  const body = encode({ model, messages: [{ role: 'user', content: question }], max_tokens: ROOM, stream: true, ...budgetIn(BUDGET) });
  const said = { content: '', reasoning: '' };
  try {
    for await (const piece of pieces(await server.ask('chat/completions', body, signal))) {
      if (piece.kind !== 'delta') continue;
      said.content += piece.content;
      said.reasoning += piece.reasoning;
    }
  } catch (e) {
    return refused(e);
  }
  if (said.reasoning === '') return undefined;
  return said.content.trim() !== '' && said.reasoning.length <= SHORT;
}

interface Trial {
  choices?: { logprobs?: { content?: unknown[] | null; reasoning_content?: unknown[] | null } | null }[];
}

/** The answer, or undefined where the server refuses to give it. */
async function attempt(server: Server, body: object, signal: AbortSignal): Promise<Trial | undefined> {
  try {
    return ((await server.json('chat/completions', encode(body), signal)) as Trial | null) ?? undefined;
  } catch (e) {
    refused(e);
    return undefined;
  }
}

/** A server that does not know something says so by 400, or falls over it. Whatever else happens says nothing of what it can do. */
function refused(e: unknown): false {
  if (e instanceof TabseekError && (e.code === 'bad_request' || e.code === 'remote_failed')) return false;
  throw e;
}
