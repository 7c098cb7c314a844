// Reasoning that a server leaves in the answer, between <think> and </think>.

const OPEN = '<think>';
const CLOSE = '</think>';

export interface Split {
  reasoning: string;
  content: string;
}

/** Splits one answer as it comes. A tag counts at its beginning alone: later it is something that the answer says. */
export class Splitter {
  private state: 'begin' | 'thinking' | 'after' | 'answer' = 'begin';
  private held = '';

  push(text: string): Split {
    const out = { reasoning: '', content: '' };
    this.held += text;
    while (this.step(out));
    return out;
  }

  /** What was held back because it might have been a tag. */
  end(): Split {
    const held = this.held;
    this.held = '';
    return this.state === 'thinking' ? { reasoning: held, content: '' } : { reasoning: '', content: held };
  }

  /** Goes through what is held, up to the next change of state; false if that takes more text. */
  private step(out: Split): boolean {
    switch (this.state) {
      case 'begin': {
        const text = this.held.trimStart();
        if (text.startsWith(OPEN)) {
          this.state = 'thinking';
          this.held = text.slice(OPEN.length).replace(/^\n/, '');
          return true;
        }
        if (OPEN.startsWith(text)) return false;
        this.state = 'answer';
        return true;
      }
      case 'thinking': {
        const end = this.held.indexOf(CLOSE);
        const upTo = end < 0 ? this.held.length - overlap(this.held, CLOSE) : end;
        out.reasoning += this.held.slice(0, upTo);
        this.held = this.held.slice(end < 0 ? upTo : end + CLOSE.length);
        if (end >= 0) this.state = 'after';
        return end >= 0;
      }
      case 'after': // the empty line between the two belongs to neither
        this.held = this.held.replace(/^\n+/, '');
        if (this.held) this.state = 'answer';
        return this.held !== '';
      case 'answer':
        out.content += this.held;
        this.held = '';
        return false;
    }
  }
}

/** How much of the text's end may be the tag's beginning. */
function overlap(text: string, tag: string): number {
  for (let n = Math.min(text.length, tag.length - 1); n > 0; n--) if (text.endsWith(tag.slice(0, n))) return n;
  return 0;
}

/** Templates of some models open the thinking themselves, so that a server without a parser sends its end alone. */
export function splitWhole(content: string): Split {
  const end = content.indexOf(CLOSE);
  if (end < 0) return { reasoning: '', content };
  return { reasoning: content.slice(0, end), content: content.slice(end + CLOSE.length).replace(/^\n+/, '') };
}
