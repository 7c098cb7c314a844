import { TabseekError } from '../shared/messages';
import { storedModels } from './models';

const megabytes = (n: number): string => `${Math.ceil(n / 1e6)} MB`;

/** The error with what is needed and what could be deleted for it, if it is one of room. */
export async function withRoom(e: unknown, needed: number, url: string): Promise<unknown> {
  if (!(e instanceof TabseekError) || e.code !== 'quota_exceeded') return e;
  const { usage = 0 } = await navigator.storage.estimate();
  const models = (await storedModels()).filter((m) => m.url !== url && m.own > 0).map(({ url, name, own }) => ({ url, name, bytes: own }));
  const other = models.length > 0 ? `deleting other models frees ${models.map((m) => `${megabytes(m.bytes)} (${m.name})`).join(', ')}` : 'no other model lies here that could be deleted';
  return new TabseekError('quota_exceeded', `${megabytes(needed)} more are needed, and the browser gives this page no more than the ${megabytes(usage)} it has; ${other}`, { ...e.fields, needed, usage, models });
}
