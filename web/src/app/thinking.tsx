import { useEffect, useState } from 'preact/hooks';
import type { Live } from './chats/answer';
import type { Message } from './chats/record';
import { duration } from './format';
import { Icon } from './icons';
import { t } from './language';
import { Markdown } from './markdown/markdown';

/** Seconds since a time of performance.now(), ten times a second. */
function useElapsed(since: number | undefined): number {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    if (since === undefined) return;
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, [since]);
  return Math.max(0, now - (since ?? now)) / 1000;
}

/** The reasoning before an answer: open while it comes, closed when the answer begins, unless the user chose. */
export function Thinking({ answer, live }: { answer: Message; live?: Live }) {
  const [chosen, setChosen] = useState<boolean>();
  const thinks = live?.stage === 'thinking';
  const elapsed = useElapsed(thinks ? live.thinkingSince : undefined);
  const open = chosen ?? thinks;
  const toggle = (e: MouseEvent) => {
    e.preventDefault(); // the state below opens it, not the browser
    setChosen(!open);
  };
  return (
    <details class="thinking" data-testid="thinking" open={open}>
      <summary onClick={toggle} aria-expanded={open}>
        <Icon name="chevron" />
        <span>{thinks ? t('thinkingFor', { time: duration(elapsed) }) : t('thoughtFor', { time: duration(answer.thinking_seconds ?? 0) })}</span>
      </summary>
      <Markdown text={answer.reasoning!} open={thinks} />
    </details>
  );
}
