import { TabseekError } from '../api/tabseek';
import { recall, remember } from './kept';
import { ownOffers } from './own';

/** What this server offers (server/resources.go). */
export type Offer = LocalOffer | RemoteOffer;

/** A model to be computed here. */
export interface LocalOffer {
  remote?: undefined;
  name: string;
  url: string;
  /** Bytes to download. */
  size: number;
  /** The kernels to use without measuring, if the server says so. */
  profile?: string;
  /** Of its model.json. */
  sha256?: string;
  // What follows is not known of a model that this server does not list.
  /** Its model type. */
  family?: string;
  attention?: string;
  license?: string;
  params_total?: number;
  params_active?: number;
  /** Positions at most. */
  context?: number;
  weight_bytes?: number;
  /** Bytes of weights that are read for a token. */
  bytes_per_token?: number;
  kv_bytes_per_token?: number;
  /** Layers that have a cache. */
  layers?: number;
  /** Bytes that a device must be able to bind at once. */
  largest_buffer?: number;
}

/** A model elsewhere, that this server hands questions on to. */
export interface RemoteOffer {
  remote: true;
  name: string;
  url: string;
}

/** What is larger is not downloaded unasked. */
const CONSENT_BYTES = 200e6;

export const needsConsent = (offer: LocalOffer): boolean => offer.size > CONSENT_BYTES;

const LIST = '/models/index.json';

/** The last list, for when there is no network; and which of it was chosen. */
const KEPT = 'tabseek.models';
const CHOSEN = 'tabseek.model';

/** Milliseconds that a slow server is waited for when there is a list from before. */
const PATIENCE = 5000;

/** The server's models, those elsewhere last, or those it had when it was last asked. */
export async function fetchOffers(): Promise<Offer[]> {
  const kept = parse(recall(KEPT));
  try {
    const response = await fetch(LIST, kept && { signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const text = await response.text();
    const offers = parse(text);
    if (!offers) throw new Error('it lists no model');
    remember(KEPT, text);
    return offers;
  } catch (e) {
    if (kept) return kept;
    throw new TabseekError('download_failed', `${LIST}: ${e instanceof Error ? e.message : String(e)}`);
  }
}

/** The model that was last chosen, if it is still there, and else the first. */
export const preferred = (offers: Offer[]): Offer => [...offers, ...ownOffers()].find(({ url }) => url === recall(CHOSEN)) ?? offers[0]!;

export const prefer = (offer: Offer): void => remember(CHOSEN, offer.url);

function parse(text: string | undefined): Offer[] | undefined {
  try {
    const { models = [], remotes = [] } = JSON.parse(text ?? '') as { models?: LocalOffer[]; remotes?: Omit<RemoteOffer, 'remote'>[] };
    const offers: Offer[] = [...models, ...remotes.map((r): RemoteOffer => ({ ...r, remote: true }))];
    return offers.length > 0 ? offers : undefined;
  } catch {
    return undefined;
  }
}
