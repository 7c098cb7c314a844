// Which passages speak of a question, by BM25. It comes with the first file.

import MiniSearch from 'minisearch';

const OPTIONS = { fields: ['text'], idField: 'id', tokenize: wordsOf, searchOptions: { tokenize: wordsOf, combineWith: 'OR' as const, prefix: (word: string) => word.length > 3, weights: { fuzzy: 0.1, prefix: 0.4 } } };

/** Words; of scripts without spaces, pairs of characters. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [run] of text.normalize('NFKC').matchAll(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+|[\p{L}\p{N}_]+/gu)) {
    if (!/^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(run)) words.push(run);
    else if (run.length === 1) words.push(run);
    else for (let i = 0; i + 1 < run.length; i++) words.push(run.slice(i, i + 2));
  }
  return words;
}

/** The index of a file's passages, as it is kept. */
export async function indexOf(passages: string[]): Promise<string> {
  const index = new MiniSearch(OPTIONS);
  await index.addAllAsync(passages.map((text, id) => ({ id, text })), { chunkSize: 50 });
  return JSON.stringify(index);
}

export interface Hit {
  /** Of the passage in its file. */
  passage: number;
  score: number;
}

/** The passages that speak of it, best first. */
export function search(index: string, question: string): Hit[] {
  return MiniSearch.loadJSON(index, OPTIONS).search(question).map(({ id, score }) => ({ passage: id as number, score }));
}
