// Models elsewhere: what is known of them, and which of a server's models was chosen. All of it is kept, so that a server is asked
// for it once.

import { remote, type Capabilities, type CompletionRequest, type Engine, type RemoteEngine, type RemoteModel } from '../api/tabseek';
import type { RemoteOffer } from './catalogue';
import { recall, remember } from './kept';
import { Store } from './store';

/** Whoever answers a chat. */
export type ChatEngine = Engine | RemoteEngine;

/** What is known of a server. */
export interface Known {
  /** The model that was chosen. */
  model?: string;
  models: RemoteModel[];
  /** By model. */
  cards: Record<string, Capabilities>;
}

const KEY = 'tabseek.remotes';
const TOKEN = 'tabseek.remote-token';

/** By the address of the server. */
export const known = new Store<Record<string, Known>>(remembered());

function remembered(): Record<string, Known> {
  try {
    return JSON.parse(recall(KEY) ?? '{}') as Record<string, Known>;
  } catch {
    return {};
  }
}

export const knownOf = ({ url }: RemoteOffer): Known => known.value[url] ?? { models: [], cards: {} };

export function learn(offer: RemoteOffer, change: Partial<Known>): void {
  known.value = { ...known.value, [offer.url]: { ...knownOf(offer), ...change } };
  remember(KEY, JSON.stringify(known.value));
}

export const keepToken = (token: string): void => remember(TOKEN, token);

/** The engine of a model elsewhere. It asks nothing before it is asked. */
export function engineOf(offer: RemoteOffer): RemoteEngine {
  const { model, cards } = knownOf(offer);
  return remote(offer.url, { model, token: recall(TOKEN), capabilities: model === undefined ? undefined : cards[model] });
}

/** Finds out what the server can do with its model, unless that is known. What fails now is found out another time. */
export async function probe(offer: RemoteOffer, engine: RemoteEngine): Promise<void> {
  const model = engine.info.name;
  if (knownOf(offer).cards[model]) return;
  const card = await engine.capabilities().catch(() => undefined);
  if (card) learn(offer, { cards: { ...knownOf(offer).cards, [model]: card } });
}

/** The request without what is shown beside an answer and the server does not tell, and without a limit that it does not keep. */
export async function fitting(engine: ChatEngine, request: CompletionRequest): Promise<CompletionRequest> {
  if (!engine.remote || (!request.logprobs && request.thinking_budget === undefined)) return request;
  const { logprobs, budgets } = await engine.capabilities();
  return {
    ...request,
    ...(!logprobs && { logprobs: undefined, top_logprobs: undefined }),
    ...(budgets === false && { thinking_budget: undefined }),
  };
}
