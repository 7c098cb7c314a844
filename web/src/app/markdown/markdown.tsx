import { useLayoutEffect, useRef } from 'preact/hooks';
import { Painter } from './painter';

/** Text of the model, as Markdown. Open: it is still growing. */
export function Markdown({ text, open = false }: { text: string; open?: boolean }) {
  const root = useRef<HTMLDivElement>(null);
  const painter = useRef<Painter | undefined>(undefined);
  useLayoutEffect(() => {
    painter.current ??= new Painter(root.current!);
    painter.current.paint(text, open);
  }, [text, open]);
  return <div class="markdown" dir="auto" ref={root} />;
}
