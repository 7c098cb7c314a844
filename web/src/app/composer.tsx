import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { forgetDraft, keepDraft, keptDraft } from './draft';
import { Icon } from './icons';
import { t } from './language';

interface Props {
  /** Whether a question can be sent. */
  ready: boolean;
  generating: boolean;
  /** Resolves when the question is kept. */
  onSend: (question: string) => Promise<void>;
  onStop: () => void;
}

/** Where questions are written. What is not sent survives a reload. */
export function Composer({ ready, generating, onSend, onStop }: Props) {
  const [text, setText] = useState(keptDraft);
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => grow(area.current!), [text]);
  useEffect(() => focusUnlessTouch(area.current!), []);
  const question = text.trim();
  const send = () => {
    if (!ready || generating || !question) return;
    void onSend(question).then(() => forgetDraft(text));
    setText('');
    area.current!.focus();
  };
  const stop = () => {
    onStop();
    focusUnlessTouch(area.current!); // the button that had the focus goes
  };
  const onInput = (next: string) => {
    setText(next);
    keepDraft(next);
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
        aria-label={t('yourQuestion')}
        placeholder={t('askSomething')}
        dir="auto"
        value={text}
        onInput={(e) => onInput(e.currentTarget.value)}
        onKeyDown={onEnter(send)}
      />
      {generating ? (
        <button type="button" class="round-button stop" data-testid="stop" aria-label={t('stop')} title={t('stop')} onClick={stop}>
          <Icon name="stop" />
        </button>
      ) : (
        <button type="submit" class="round-button" data-testid="send" aria-label={t('send')} title={t('sendEnter')} disabled={!ready || !question}>
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}

/** Enter sends, Shift+Enter begins a new line; so does Enter on a touch screen, whose keyboard has no Shift+Enter. */
export const onEnter = (send: () => void) => (e: KeyboardEvent) => {
  // While an input method composes, Enter chooses a candidate.
  if (e.key !== 'Enter' || e.shiftKey || e.isComposing || touch()) return;
  e.preventDefault();
  send();
};

const touch = (): boolean => matchMedia('(pointer: coarse)').matches;

/** On a touch screen the focus would bring up a keyboard over half the page. */
function focusUnlessTouch(area: HTMLTextAreaElement): void {
  if (!touch()) area.focus();
}

/** As high as its text; the style sheet has the limit. */
export function grow(area: HTMLTextAreaElement): void {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}
