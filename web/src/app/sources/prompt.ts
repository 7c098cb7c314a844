// How files are told to a model: in the forms that DeepSeek's models know (the README of DeepSeek-R1): a whole file between its marks, and
// passages as results of a search, which an answer cites by number.

import type { Included } from '../chats/record';

/** What a file says must not end the place where it is told, nor cite for the model. */
const disarmed = (text: string): string => text.replace(/\[(\s*(?:file (?:name|content)|webpage|citation)[^\]\n]{0,40})\]/gi, '($1)');

/** A question with what files give to it. */
export function promptOf(question: string, included: Included[] | undefined): string {
  if (!included || included.length === 0) return question;
  const files = included.filter((i) => i.number === undefined);
  const passages = included.filter((i) => i.number !== undefined);
  const whole = files.map(({ name, text }) => `[file name]: ${name}\n[file content begin]\n${disarmed(text)}\n[file content end]\n`).join('');
  return whole + (passages.length > 0 ? cited(question, passages) : question);
}

function cited(question: string, passages: Included[]): string {
  const results = passages.map(({ number, name, text }) => `[webpage ${number} begin]${name}\n${disarmed(text)}[webpage ${number} end]`).join('\n');
  return `# The following are passages of files that belong to the user's message:
${results}
Each passage stands between [webpage X begin] and [webpage X end], where X is its number. Where a sentence of your answer rests on a passage, end the sentence with [citation:X], and name each one if there are several: [citation:3][citation:5]. Passages that do not concern the question are to be left out.
Today is ${new Date().toDateString()}.

# The user's message is:
${question}`;
}

const UNSPACED = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]/g;

/** Characters of a token, of text in Latin letters; models of tiny vocabularies spell. */
const charactersOf = (vocabulary: number | undefined): number => (vocabulary !== undefined && vocabulary < 5000 ? 1 : 3);

/** About how many tokens a text has; more rather than less. */
export function guessTokens(text: string, vocabulary: number | undefined): number {
  const unspaced = text.match(UNSPACED)?.length ?? 0;
  return Math.ceil(unspaced + (text.length - unspaced) / charactersOf(vocabulary));
}
