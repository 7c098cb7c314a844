import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Turn } from './conversation';
import { TurnView } from './turn';

/** So near the end, the page follows the text as it grows. */
const NEAR_END_PX = 120;

interface Props {
  turns: Turn[];
  context: number;
  onRegenerate?: () => void;
  onReload: () => void;
}

export function Chat({ turns, context, onRegenerate, onReload }: Props) {
  const end = useRef<HTMLDivElement>(null);
  useFollowEnd(end, turns);
  return (
    <section class="chat" aria-label="Conversation">
      {turns.map((turn, i) => {
        const last = i === turns.length - 1;
        return <TurnView key={turn.id} turn={turn} context={context} onRegenerate={last ? onRegenerate : undefined} onReload={last ? onReload : undefined} />;
      })}
      <div ref={end} />
    </section>
  );
}

/** Scrolls to the end as turns grow, but leaves a reader who has scrolled up where they are. */
function useFollowEnd(end: { current: HTMLElement | null }, turns: Turn[]): void {
  const before = useRef({ height: 0, count: 0 });
  useLayoutEffect(() => {
    const scroller = end.current!.closest('main')!;
    // Where the end was before this growth is what tells whether the reader was there.
    const wasNear = before.current.height - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;
    const asked = turns.length > before.current.count;
    before.current = { height: scroller.scrollHeight, count: turns.length };
    if (wasNear || asked) scroller.scrollTop = scroller.scrollHeight;
  }, [turns]);
}
