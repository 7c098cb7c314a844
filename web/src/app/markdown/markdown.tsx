import { useLayoutEffect, useRef } from 'preact/hooks';
import { Painter } from './painter';

interface Props {
  text: string;
  /** It is still growing. */
  open?: boolean;
  /** The numbers of the passages that it may cite. */
  citations?: ReadonlySet<number>;
}

/** Text of the model, as Markdown. */
export function Markdown({ text, open = false, citations }: Props) {
  const root = useRef<HTMLDivElement>(null);
  const painter = useRef<Painter | undefined>(undefined);
  useLayoutEffect(() => {
    painter.current ??= new Painter(root.current!);
    painter.current.paint(text, open, citations);
  }, [text, open, citations]);
  return <div class="markdown" dir="auto" ref={root} />;
}
