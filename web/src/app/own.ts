// Models that this server does not list: the user's own, by the address of a model.json of this origin or as the files of a packed
// folder; and those that lie on this device from before.

import type { StoredModel } from '../api/tabseek';
import type { LocalOffer, Offer } from './catalogue';
import { recall, remember } from './kept';

/** An offer's address as the API knows it. */
export const absoluteURL = ({ url }: Offer): string => new URL(url, location.href).href;

const KEY = 'tabseek.own';

/** Files that were chosen since the page was opened, by the address of their model. */
export const files = new Map<string, Record<string, File>>();

export const filesOf = ({ url }: LocalOffer): Record<string, File> | undefined => files.get(url);

/** The user's own models, the last one first. */
export function ownOffers(): LocalOffer[] {
  try {
    const list: unknown = JSON.parse(recall(KEY) ?? '[]');
    return Array.isArray(list) ? (list as LocalOffer[]).filter((o) => typeof o?.url === 'string' && typeof o.name === 'string' && typeof o.size === 'number') : [];
  } catch {
    return [];
  }
}

export function keepOwn(offer: LocalOffer): LocalOffer {
  remember(KEY, JSON.stringify([offer, ...ownOffers().filter((o) => o.url !== offer.url)]));
  return offer;
}

export function forgetOwn(url: string): void {
  files.delete(url);
  remember(KEY, JSON.stringify(ownOffers().filter((o) => o.url !== url)));
}

/** A model that lies here, and that nobody offers any more. */
export const offerOfStored = ({ url, name, size }: StoredModel): LocalOffer => ownOffers().find((o) => o.url === url) ?? { url, name, size };
