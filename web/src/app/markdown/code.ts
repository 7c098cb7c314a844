import { t } from '../language';
import { highlight } from './highlight';

/** A block of code with its language and a button that copies it. The code can grow; it is coloured once it is complete. */
export class CodeBlock {
  readonly element = document.createElement('div');
  private readonly text = document.createTextNode('');
  private readonly code = document.createElement('code');
  private complete = false;

  constructor(private readonly language: string) {
    const head = document.createElement('div');
    head.className = 'code-head';
    const name = document.createElement('span');
    name.textContent = language;
    head.append(name, this.copyButton());
    const pre = document.createElement('pre');
    pre.tabIndex = 0; // it scrolls, so the keyboard must reach it
    pre.dir = 'ltr';
    this.code.append(this.text);
    pre.append(this.code);
    this.element.className = 'code';
    this.element.append(head, pre);
  }

  /** Whether this block can show the code without being made anew. */
  fits(code: string, language: string, complete: boolean): boolean {
    return this.language === language && (!this.complete || (complete && code === this.text.data));
  }

  /** Shows code that fits; complete, nothing is added to it any more. */
  show(code: string, complete: boolean): void {
    if (this.complete) return;
    const before = this.text.data;
    if (code.startsWith(before)) this.text.appendData(code.slice(before.length));
    else this.text.data = code;
    this.complete = complete;
    if (complete) void this.colour(code);
  }

  private async colour(code: string): Promise<void> {
    const spans = await highlight(code, this.language);
    if (!spans || this.text.data !== code) return;
    const parts: Node[] = [];
    let at = 0;
    for (const { start, end, kind } of spans) {
      const span = document.createElement('span');
      span.className = `hl-${kind}`;
      span.textContent = code.slice(start, end);
      parts.push(document.createTextNode(code.slice(at, start)), span);
      at = end;
    }
    this.code.replaceChildren(...parts, code.slice(at));
  }

  private copyButton(): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'text-button';
    button.dataset.testid = 'copy-code';
    button.textContent = t('copyCode');
    button.addEventListener('click', () => {
      // The browser may refuse; then the button just does not say that it copied.
      navigator.clipboard.writeText(this.text.data).then(() => {
        button.textContent = t('copied');
        setTimeout(() => (button.textContent = t('copyCode')), 2000);
      }, () => {});
    });
    return button;
  }
}
