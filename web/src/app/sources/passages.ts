// A text in passages that overlap, so that what stands at a border stands whole in one of them.

/** Characters of a passage, and of what two share. */
export const LENGTH = 1200;
export const OVERLAP = 200;

/** Passages end where a paragraph, a line, a sentence or a word does, whichever comes last in their second half. */
export function passagesOf(text: string): string[] {
  const passages: string[] = [];
  for (let from = 0; from < text.length; ) {
    const to = from + LENGTH >= text.length ? text.length : from + cut(text.slice(from, from + LENGTH));
    const passage = text.slice(from, to).trim();
    if (passage) passages.push(passage);
    if (to === text.length) break;
    from = Math.max(from + 1, wordFrom(text, to - OVERLAP));
  }
  return passages;
}

function cut(text: string): number {
  for (const border of [/\n\s*\n/g, /\n/g, /[.!?。！？]["”’)]?\s?/g, /\s/g]) {
    const last = [...text.matchAll(border)].at(-1);
    if (last && last.index > text.length / 2) return last.index + last[0].length;
  }
  const code = text.charCodeAt(text.length - 1);
  return code >= 0xd800 && code < 0xdc00 ? text.length - 1 : text.length; // no half of a character
}

/** Where the word after a place begins. */
function wordFrom(text: string, at: number): number {
  const space = text.slice(at, at + OVERLAP / 2).search(/\s/);
  if (space >= 0) return at + space + 1;
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code < 0xe000 ? at + 1 : at;
}
