// The text of a file that somebody gives to a chat. A file is hostile until it is text: its size, its kind and its name are checked,
// and nothing in it is executed or fetched.

import DOMPurify from 'dompurify';
import { scriptURL } from '../trusted';
import type { Text } from '../texts';

/** Where the reader of PDFs and its worker lie; they come when a PDF does. */
declare const PDF_URL: string;
declare const PDF_WORKER_URL: string;

/** Larger files are refused. */
export const MAX_BYTES = 20e6;
/** More text is of no use to a model, and slow to search. */
export const MAX_CHARACTERS = 4e6;

/** Why a file is not taken: a text of the page. */
export class SourceError extends Error {
  override name = 'SourceError';
  constructor(readonly reason: Extract<Text, 'sourceTooLarge' | 'sourceNotText' | 'sourceNotPDF' | 'sourceEmpty' | 'sourceTooMany'>) {
    super(reason);
  }
}

export async function textOf(file: File): Promise<string> {
  if (file.size > MAX_BYTES) throw new SourceError('sourceTooLarge');
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = isPDF(file, bytes) ? await textOfPDF(bytes) : isHTML(file) ? textOfHTML(decode(bytes)) : decode(bytes);
  const tidy = text.replace(/\r\n?/g, '\n').replace(CONTROLS, '');
  if (tidy.trim() === '') throw new SourceError('sourceEmpty');
  if (tidy.length > MAX_CHARACTERS) throw new SourceError('sourceTooLarge');
  return tidy;
}

// What no text needs: control characters, and marks that reverse what is read.
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g;

/** A file's name as it is shown and told: its last part, in one line, not too long. */
export function nameOf(name: string): string {
  const plain = name.split(/[\\/]/).at(-1)!.replace(/[\n\r\t\u2028\u2029]/g, ' ').replace(CONTROLS, '').replace(/[[\]<>]/g, '_').trim();
  return plain.length > 120 ? `${plain.slice(0, 80)}…${plain.slice(-30)}` : plain || '–';
}

const isHTML = (file: File): boolean => /\.x?html?$/i.test(file.name) || file.type === 'text/html';
const isPDF = (file: File, bytes: Uint8Array): boolean => /\.pdf$/i.test(file.name) || file.type === 'application/pdf' || new TextDecoder('latin1').decode(bytes.subarray(0, 5)) === '%PDF-';

/** UTF-8, or UTF-16 where its mark says so. */
function decode(bytes: Uint8Array): string {
  const mark = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  if (mark === 'utf-8' && bytes.subarray(0, 65536).includes(0)) throw new SourceError('sourceNotText');
  try {
    return new TextDecoder(mark, { fatal: true }).decode(bytes);
  } catch {
    throw new SourceError('sourceNotText');
  }
}

const BLOCKS = /^(ADDRESS|ARTICLE|ASIDE|BLOCKQUOTE|BR|DD|DIV|DL|DT|FIGURE|FOOTER|H[1-6]|HEADER|HR|LI|MAIN|NAV|OL|P|PRE|SECTION|TABLE|TR|UL)$/;

/** What a page says. It is parsed into a document that loads nothing and runs nothing. */
function textOfHTML(html: string): string {
  const fragment = DOMPurify.sanitize(html, { RETURN_DOM_FRAGMENT: true, FORBID_TAGS: ['style'], ALLOWED_ATTR: [] });
  const parts: string[] = [];
  const walk = (node: Node) => {
    if (node.nodeType === Node.TEXT_NODE) parts.push(node.textContent!.replace(/\s+/g, ' '));
    for (const child of node.childNodes) walk(child);
    if (BLOCKS.test(node.nodeName)) parts.push('\n');
    if (/^T[DH]$/.test(node.nodeName)) parts.push(' ');
  };
  walk(fragment);
  return parts.join('').replace(/[ \t]*\n[ \t]*/g, '\n').replace(/\n{3,}/g, '\n\n');
}

async function textOfPDF(bytes: Uint8Array): Promise<string> {
  if (!new TextDecoder('latin1').decode(bytes.subarray(0, 1024)).includes('%PDF-')) throw new SourceError('sourceNotPDF');
  const { readPDF } = (await import(PDF_URL)) as typeof import('./pdf');
  const worker = new Worker(scriptURL(PDF_WORKER_URL), { type: 'module' });
  try {
    return await readPDF(bytes, worker, MAX_CHARACTERS);
  } catch {
    throw new SourceError('sourceNotPDF');
  } finally {
    worker.terminate();
  }
}
