import { useLayoutEffect, useRef } from 'preact/hooks';

/** So near the end, the page follows the text as it grows. */
const NEAR_END_PX = 120;

/**
 * Scrolls an element to its end when its content grows, but leaves a reader who has scrolled up where they are, unless
 * `jump` is another than before.
 */
export function useFollowEnd(scroller: { current: HTMLElement | null }, content: unknown, jump: unknown): void {
  const before = useRef({ height: 0, jump });
  useLayoutEffect(() => {
    const element = scroller.current!;
    // Where the end was before this growth is what tells whether the reader was there.
    const wasNear = before.current.height - element.scrollTop - element.clientHeight < NEAR_END_PX;
    const jumps = before.current.jump !== jump;
    before.current = { height: element.scrollHeight, jump };
    if (wasNear || jumps) element.scrollTop = element.scrollHeight;
  }, [content, jump]);
}
