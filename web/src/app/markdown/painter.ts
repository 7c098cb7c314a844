import { CodeBlock } from './code';
import { parse, type Block, type Definitions } from './parse';
import { purify } from './purify';
import { typeset } from './tex';

/** Longer texts are shown as they are: Markdown of megabytes would hold up the page. */
const MAX_LENGTH = 500_000;

interface Painted {
  element: HTMLElement;
  html?: string;
  code?: CodeBlock;
}

/** Keeps an element's blocks at a text. While text is added at the end, only the last block is parsed and changed. */
export class Painter {
  private painted: Painted[] = [];
  private text = '';
  /** Where the last block begins, and how many come before it. */
  private tail = 0;
  private closed = 0;
  private definitions: Definitions = {};
  private citations: ReadonlySet<number> | undefined;

  constructor(private readonly root: HTMLElement) {}

  /** Open: more text may come. */
  paint(text: string, open: boolean, citations?: ReadonlySet<number>): void {
    if (citations !== this.citations) {
      this.citations = citations;
      this.text = '';
      this.reset();
    }
    if (text.length > MAX_LENGTH) return this.paintPlain(text);
    const source = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
    const grows = open && source.startsWith(this.text);
    if (!grows) this.reset();
    const { blocks, tail } = parse(source, this.tail, this.definitions);
    blocks.forEach((block, i) => this.show(this.closed + i, block, open && i === blocks.length - 1));
    for (const surplus of this.painted.splice(this.closed + blocks.length)) surplus.element.remove();
    this.text = source;
    this.tail = tail;
    this.closed += Math.max(0, blocks.length - 1);
  }

  /** The next text is parsed from its beginning; blocks that are the same stay. */
  private reset(): void {
    this.tail = 0;
    this.closed = 0;
    this.definitions = { citations: this.citations };
  }

  private show(i: number, block: Block, open: boolean): void {
    const before = this.painted[i];
    if (block.kind === 'code') {
      const code = before?.code?.fits(block.code, block.language, !open) ? before.code : new CodeBlock(block.language);
      code.show(block.code, !open);
      this.put(i, { element: code.element, code });
    } else if (before?.html !== block.html) {
      const element = document.createElement('div');
      element.append(purify(block.html));
      for (const tex of element.querySelectorAll<HTMLElement>('[data-tex]')) typeset(tex);
      this.put(i, { element, html: block.html });
    }
  }

  private put(i: number, block: Painted): void {
    const before = this.painted[i];
    this.painted[i] = block;
    if (before?.element === block.element) return;
    if (before) before.element.replaceWith(block.element);
    else this.root.append(block.element);
  }

  private paintPlain(text: string): void {
    const element = document.createElement('div');
    element.className = 'plain';
    element.textContent = text;
    this.root.replaceChildren(element);
    this.painted = [{ element }];
    this.text = '';
    this.reset();
  }
}
