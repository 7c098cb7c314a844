import DOMPurify from 'dompurify';
import MarkdownIt from 'markdown-it';
import { useLayoutEffect, useRef } from 'preact/hooks';

// Images are off: the page may not reach other origins, and a model has none of its own.
const markdown = new MarkdownIt({ html: false, breaks: true }).disable('image');

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
    state.push('text', '', 0).content = content;
    state.push('mark_close', 'mark', -1);
  }
  state.pos += '\\boxed{}'.length + content.length;
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

const PURIFY = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'em', 'strong', 's', 'mark', 'a'],
    ...['table', 'thead', 'tbody', 'tr', 'th', 'td', '#text'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'align'],
  RETURN_DOM_FRAGMENT: true as const,
};

/** The last thing that happens to HTML before it is part of the page. */
function purify(html: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(html, PURIFY);
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer';
  }
  return fragment;
}

/** HTML of each block at the top level. */
function renderBlocks(text: string): string[] {
  const env = {};
  const blocks: string[] = [];
  const tokens = markdown.parse(text, env);
  let start = 0;
  let depth = 0;
  tokens.forEach((token, i) => {
    depth += token.nesting;
    if (depth > 0) return;
    blocks.push(markdown.renderer.render(tokens.slice(start, i + 1), markdown.options, env));
    start = i + 1;
  });
  return blocks;
}

/** Keeps an element's blocks at a text: while text is added at the end, only the last blocks change. */
class Painter {
  private blocks: { html: string; element: HTMLElement }[] = [];

  constructor(private readonly root: HTMLElement) {}

  paint(text: string): void {
    const rendered = renderBlocks(text);
    for (const surplus of this.blocks.splice(rendered.length)) surplus.element.remove();
    rendered.forEach((html, i) => {
      const block = (this.blocks[i] ??= { html: '', element: this.root.appendChild(document.createElement('div')) });
      if (block.html === html) return;
      block.html = html;
      block.element.replaceChildren(purify(html));
    });
  }
}

/** Text of the model, as Markdown. */
export function Markdown({ text }: { text: string; open?: boolean }) {
  const root = useRef<HTMLDivElement>(null);
  const painter = useRef<Painter | undefined>(undefined);
  useLayoutEffect(() => {
    painter.current ??= new Painter(root.current!);
    painter.current.paint(text);
  }, [text]);
  return <div class="markdown" dir="auto" ref={root} />;
}
