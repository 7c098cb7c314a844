import MarkdownIt from 'markdown-it';
import { addTeX } from './tex-rules';

// Images are off: the page may not reach other origins, and a model has none of its own.
const markdown = new MarkdownIt({ html: false, breaks: true }).disable('image');
addTeX(markdown);

// Models write products as 3*7 and 2*(3+4): a star between factors is no emphasis.
markdown.inline.ruler.before('emphasis', 'product', (state, silent) => {
  const at = state.pos;
  const product = state.src[at] === '*' && /[\d)]/.test(state.src[at - 1] ?? '') && /[\d(\p{L}]/u.test(state.src[at + 1] ?? '');
  if (!product) return false;
  if (!silent) state.pending += '*';
  state.pos++;
  return true;
});

// Models trained on checked answers put the final one into \boxed{...}.
markdown.inline.ruler.before('escape', 'boxed', (state, silent) => {
  const content = state.src.startsWith('\\boxed{', state.pos) && braced(state.src, state.pos + '\\boxed'.length);
  if (!content) return false;
  if (!silent) {
    state.push('mark_open', 'mark', 1);
    state.push(/[\\^_]/.test(content) ? 'tex' : 'text', '', 0).content = content;
    state.push('mark_close', 'mark', -1);
  }
  state.pos += '\\boxed{}'.length + content.length;
  return true;
});

// Models cite what they were given as [citation:3]. What was not given stays as it is.
markdown.inline.ruler.before('link', 'citation', (state, silent) => {
  const [all, number] = /^\[citation:\s?(\d{1,6})\]/.exec(state.src.slice(state.pos, state.pos + 24)) ?? [];
  if (!all || !(state.env as Definitions).citations?.has(Number(number))) return false;
  if (!silent) {
    state.push('link_open', 'a', 1).attrs = [['href', `#citation-${Number(number)}`]];
    state.push('text', '', 0).content = number!;
    state.push('link_close', 'a', -1);
  }
  state.pos += all.length;
  return true;
});

/** What stands between the brace at `open` and its partner; empty where it has none. */
function braced(text: string, open: number): string {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return text.slice(open + 1, at);
  }
  return '';
}

// A table cell's alignment comes as an inline style, which the content security policy drops; the attribute still works.
for (const rule of ['th_open', 'td_open']) {
  markdown.renderer.rules[rule] = (tokens, i, options, _env, self) => {
    const token = tokens[i]!;
    const align = /text-align:(\w+)/.exec(String(token.attrGet('style')))?.[1];
    token.attrs = align ? [['align', align]] : null;
    return self.renderToken(tokens, i, options);
  };
}

/** A block at the top level: code, or anything else as HTML that has yet to be purified. */
export type Block = { kind: 'code'; code: string; language: string } | { kind: 'html'; html: string };

export interface Parsed {
  blocks: Block[];
  /** Where the last block begins: text that is added changes nothing before it. */
  tail: number;
}

/** The definitions of links that a text has so far, and the numbers that it may cite. */
export interface Definitions extends Record<PropertyKey, unknown> {
  citations?: ReadonlySet<number>;
}

/** Parses a text from a place where a block begins. */
export function parse(text: string, from: number, definitions: Definitions): Parsed {
  const source = text.slice(from);
  const tokens = markdown.parse(source, definitions);
  const blocks: Block[] = [];
  let tail = 0;
  let start = 0;
  let depth = 0;
  tokens.forEach((token, i) => {
    depth += token.nesting;
    if (depth > 0) return;
    blocks.push(blockOf(tokens.slice(start, i + 1), definitions));
    tail = tokens[start]!.map?.[0] ?? 0;
    start = i + 1;
  });
  return { blocks, tail: from + lineStart(source, tail) };
}

type Token = ReturnType<typeof markdown.parse>[number];

function blockOf(tokens: Token[], definitions: Definitions): Block {
  const [token] = tokens;
  if (token!.type === 'fence' || token!.type === 'code_block') return { kind: 'code', code: token!.content, language: token!.info.trim().split(/\s/)[0] ?? '' };
  return { kind: 'html', html: markdown.renderer.render(tokens, markdown.options, definitions) };
}

/** Where a line begins. */
function lineStart(text: string, line: number): number {
  let at = 0;
  for (let i = 0; i < line; i++) at = text.indexOf('\n', at) + 1;
  return at;
}
