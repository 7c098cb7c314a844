import { TabseekError } from '../api/tabseek';

/** A model that this server offers (listing in server/handler.go). */
export interface Offer {
  name: string;
  url: string;
  /** Bytes to download. */
  size: number;
  params_total: number;
  params_active: number;
  context: number;
  /** Of its model.json. */
  sha256?: string;
}

/** What is larger is not downloaded unasked. */
const CONSENT_BYTES = 200e6;

export const needsConsent = (offer: Offer): boolean => offer.size > CONSENT_BYTES;

/** The server's models; the first is the default. */
export async function fetchOffers(): Promise<Offer[]> {
  let offers: Offer[];
  try {
    const response = await fetch('/models/index.json');
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    offers = (await response.json()).models;
  } catch (e) {
    throw new TabseekError('download_failed', `/models/index.json: ${e instanceof Error ? e.message : String(e)}`);
  }
  if (!Array.isArray(offers) || offers.length === 0) throw new TabseekError('download_failed', '/models/index.json lists no model');
  return offers;
}
