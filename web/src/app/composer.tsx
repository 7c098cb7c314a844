import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icons';

interface Props {
  /** Whether a question can be sent. */
  ready: boolean;
  generating: boolean;
  onSend: (question: string) => void;
  onStop: () => void;
}

/** Where questions are written. Enter sends, Shift+Enter begins a new line. */
export function Composer({ ready, generating, onSend, onStop }: Props) {
  const [text, setText] = useState('');
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => grow(area.current!), [text]);
  useEffect(() => focusUnlessTouch(area.current!), []);
  const question = text.trim();
  const send = () => {
    if (!ready || generating || !question) return;
    onSend(question);
    setText('');
    area.current!.focus();
  };
  const stop = () => {
    onStop();
    focusUnlessTouch(area.current!); // the button that had the focus goes
  };
  const onKeyDown = (e: KeyboardEvent) => {
    // While an input method composes, Enter chooses a candidate.
    if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    send();
  };
  const onSubmit = (e: SubmitEvent) => {
    e.preventDefault();
    send();
  };
  return (
    <form class="composer" onSubmit={onSubmit}>
      <textarea
        ref={area}
        id="prompt"
        data-testid="prompt"
        rows={1}
        aria-label="Your question"
        placeholder="Ask something"
        dir="auto"
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {generating ? (
        <button type="button" class="round-button stop" data-testid="stop" aria-label="Stop (Esc)" title="Stop (Esc)" onClick={stop}>
          <Icon name="stop" />
        </button>
      ) : (
        <button type="submit" class="round-button" data-testid="send" aria-label="Send" title="Send (Enter)" disabled={!ready || !question}>
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}

/** On a touch screen the focus would bring up a keyboard over half the page. */
function focusUnlessTouch(area: HTMLTextAreaElement): void {
  if (!matchMedia('(pointer: coarse)').matches) area.focus();
}

/** As high as its text; the style sheet has the limit. */
function grow(area: HTMLTextAreaElement): void {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}
