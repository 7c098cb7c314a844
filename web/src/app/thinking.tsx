import { useEffect, useState } from 'preact/hooks';
import type { Answer } from './conversation';
import { duration } from './format';
import { Icon } from './icons';
import { Markdown } from './markdown';

/** Seconds since a time of performance.now(), ten times a second. */
function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return <>{duration(Math.max(0, now - since) / 1000)}</>;
}

/** The reasoning before an answer: open while it comes, closed when the answer begins, unless the user chose. */
export function Thinking({ answer }: { answer: Answer }) {
  const [chosen, setChosen] = useState<boolean>();
  const open = chosen ?? answer.stage === 'thinking';
  const toggle = (e: MouseEvent) => {
    e.preventDefault(); // the state below opens it, not the browser
    setChosen(!open);
  };
  return (
    <details class="thinking" data-testid="thinking" open={open}>
      <summary onClick={toggle} aria-expanded={open}>
        <Icon name="chevron" />
        {answer.thinkingSeconds === undefined ? (
          <span>
            Thinking for <Elapsed since={answer.thinkingSince!} />
          </span>
        ) : (
          <span>Thought for {duration(answer.thinkingSeconds)}</span>
        )}
      </summary>
      <Markdown text={answer.reasoning} />
    </details>
  );
}
