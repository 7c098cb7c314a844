import { scriptURL } from '../trusted';
import { LANGUAGES, type HighlightReply, type HighlightRequest, type Span } from './languages';

/** The built worker's address. */
declare const HIGHLIGHT_URL: string;

/** Longer code stays plain. */
const MAX_LENGTH = 200_000;

let worker: Worker | undefined;
let lastID = 0;
const waiting = new Map<number, (spans: Span[] | undefined) => void>();

/** What to colour of a piece of code; nothing, if its language is not known. A worker finds out, which comes when it is first needed. */
export function highlight(code: string, language: string): Promise<Span[] | undefined> {
  if (!LANGUAGES.has(language.toLowerCase()) || code.length > MAX_LENGTH) return Promise.resolve(undefined);
  worker ??= start();
  const id = ++lastID;
  worker.postMessage({ id, code, language: language.toLowerCase() } satisfies HighlightRequest);
  return new Promise((resolve) => waiting.set(id, resolve));
}

function start(): Worker {
  const worker = new Worker(scriptURL(HIGHLIGHT_URL), { type: 'module' });
  const settle = (id: number, spans?: Span[]) => {
    waiting.get(id)?.(spans);
    waiting.delete(id);
  };
  worker.onmessage = ({ data }: MessageEvent<HighlightReply>) => settle(data.id, data.spans);
  // A worker that does not start leaves code plain.
  worker.onerror = () => [...waiting.keys()].forEach((id) => settle(id));
  return worker;
}
