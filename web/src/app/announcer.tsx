import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Live } from './chats/answer';

/**
 * Tells a screen reader of an answer while it comes: block by block, each when it is complete. The answer itself is no live region,
 * for it changes with every token.
 */
export function Announcer({ live, content }: { live?: Live; content: string }) {
  const region = useRef<HTMLDivElement>(null);
  const told = useRef<{ id?: string; blocks: number }>({ blocks: 0 });
  const open = live !== undefined && live.stage !== 'done';
  useLayoutEffect(() => {
    const element = region.current!;
    if (told.current.id !== live?.id) {
      told.current = { id: live?.id, blocks: 0 };
      element.replaceChildren();
    }
    if (!live) return;
    // What is painted has been parsed: the last block is complete when the answer is.
    const blocks = [...([...document.querySelectorAll('[data-testid="answer"] > .markdown')].at(-1)?.children ?? [])];
    const complete = blocks.slice(told.current.blocks, open ? -1 : undefined);
    if (complete.length === 0) return;
    told.current.blocks += complete.length;
    const news = document.createElement('p');
    news.textContent = complete.map((b) => b.textContent.trim()).join('\n');
    element.append(news);
  }, [live?.id, open, content]);
  return <div ref={region} class="sr-only" aria-live="polite" data-testid="announcer" />;
}
