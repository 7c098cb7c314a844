// TeX in Markdown: \(…\) and $…$ in a line, \[…\] and $$…$$ by itself. What they hold is kept as it is (tex.ts shows it).

import type MarkdownIt from 'markdown-it';

type Markdown = InstanceType<typeof MarkdownIt>;
type StateBlock = Parameters<Parameters<Markdown['block']['ruler']['push']>[1]>[0];
type StateInline = Parameters<Parameters<Markdown['inline']['ruler']['push']>[1]>[0];

const CLOSING = { '$$': '$$', '\\[': '\\]', '\\(': '\\)' } as const;

export function addTeX(markdown: Markdown): void {
  markdown.inline.ruler.before('escape', 'tex', inlineTeX);
  markdown.block.ruler.before('fence', 'tex_block', blockTeX, { alt: ['paragraph', 'reference', 'blockquote', 'list'] });
  const escape = markdown.utils.escapeHtml;
  markdown.renderer.rules.tex = (tokens, i) => `<span data-tex="inline">${escape(tokens[i]!.content)}</span>`;
  markdown.renderer.rules.tex_block = (tokens, i) => `<p><span data-tex="block">${escape(tokens[i]!.content)}</span></p>`;
}

function inlineTeX(state: StateInline, silent: boolean): boolean {
  const opening = state.src.slice(state.pos, state.pos + 2);
  const closing = CLOSING[opening as keyof typeof CLOSING];
  const found = closing ? between(state.src, state.pos, closing) : opening.startsWith('$') ? dollars(state.src, state.pos) : undefined;
  if (!found) return false;
  if (!silent) state.push('tex', '', 0).content = found.content;
  state.pos = found.end;
  return true;
}

interface Found {
  content: string;
  end: number;
}

function between(text: string, at: number, closing: string): Found | undefined {
  const close = text.indexOf(closing, at + 2);
  const content = text.slice(at + 2, close).trim();
  return close < 0 || !content ? undefined : { content, end: close + 2 };
}

/** Between single dollars, unless they are money: no space inside them, no digit after, and numbers with words are prices. */
function dollars(text: string, at: number): Found | undefined {
  if (/[\w$\\]/.test(text[at - 1] ?? '')) return undefined;
  const match = /^\$((?:[^$\\\n]|\\[^\n])+)\$(?![\d$])/.exec(text.slice(at, at + MAX_INLINE));
  const content = match?.[1];
  if (!content || /^\s|\s$/.test(content)) return undefined;
  const price = /^\d/.test(content) && !/[\\^_=+<>{}]/.test(content) && /\s|,$/.test(content);
  return price ? undefined : { content, end: at + match[0].length };
}

const MAX_INLINE = 2000;

/** A block that begins with $$ or \[ and ends at the line that ends with its partner. */
function blockTeX(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  const begin = state.bMarks[startLine]! + state.tShift[startLine]!;
  const opening = state.src.slice(begin, begin + 2);
  if (opening !== '$$' && opening !== '\\[') return false;
  const closing = CLOSING[opening];
  for (let line = startLine; line < endLine; line++) {
    if (line > startLine && state.sCount[line]! < state.blkIndent) return false; // out of the list that it began in
    const text = state.src.slice(line === startLine ? begin + 2 : state.bMarks[line]!, state.eMarks[line]!).trimEnd();
    if (!text.endsWith(closing)) {
      if (text.includes(closing)) return false; // more follows in its line: it is part of a paragraph
      continue;
    }
    if (silent) return true;
    const content = state.src.slice(begin + 2, state.eMarks[line]!).trimEnd().slice(0, -2).trim();
    if (!content) return false;
    const token = state.push('tex_block', '', 0);
    token.content = content;
    token.map = [startLine, line + 1];
    state.line = line + 1;
    return true;
  }
  return false;
}
