import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { directionOf } from './direction';
import { forgetDraft, keepDraft, keptDraft, MAX_LENGTH } from './draft';
import { count } from './format';
import { Icon } from './icons';
import { composes } from './keys';
import { t } from './language';

interface Props {
  /** What stands before the question. */
  attach: ComponentChildren;
  /** Whether a question can be sent. */
  ready: boolean;
  generating: boolean;
  /** Resolves when the question is kept; undefined where it is refused, and stays here. */
  onSend: (question: string) => Promise<void> | undefined;
  onChange: () => void;
  onStop: () => void;
}

/** Where questions are written. What is not sent survives a reload. */
export function Composer({ attach, ready, generating, onSend, onChange, onStop }: Props) {
  const [text, setText] = useState(keptDraft);
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => grow(area.current!), [text]);
  useEffect(() => focusUnlessTouch(area.current!), []);
  const question = text.trim();
  const send = () => {
    if (!ready || generating || !question) return;
    const kept = onSend(question);
    if (!kept) return;
    void kept.then(() => forgetDraft(text));
    setText('');
    area.current!.focus();
  };
  const stop = () => {
    onStop();
    focusUnlessTouch(area.current!); // the button that had the focus goes
  };
  const onInput = (area: HTMLTextAreaElement) => {
    area.dir = directionOf(area.value); // before it is laid out
    setText(area.value);
    keepDraft(area.value);
    onChange();
  };
  const onSubmit = (e: SubmitEvent) => {
    e.preventDefault();
    send();
  };
  return (
    <>
      {text.length > MAX_LENGTH && (
        <p class="hint unkept" role="status" data-testid="draft-unkept">
          {t('draftUnkept', { limit: count(MAX_LENGTH) })}
        </p>
      )}
      <form class="composer" onSubmit={onSubmit}>
        {attach}
        <textarea
          ref={area}
          id="prompt"
          data-testid="prompt"
          rows={1}
          aria-label={t('yourQuestion')}
          placeholder={t('askSomething')}
          dir={directionOf(text)}
          value={text}
          onInput={(e) => onInput(e.currentTarget)}
          onKeyDown={onEnter(send)}
          onPaste={(e) => pasteAtOnce(e, onInput)}
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
    </>
  );
}

/** Enter sends, Shift+Enter begins a new line; so does Enter on a touch screen, whose keyboard has no Shift+Enter. */
export const onEnter = (send: () => void) => (e: KeyboardEvent) => {
  // While an input method composes, Enter chooses a candidate.
  if (e.key !== 'Enter' || e.shiftKey || composes(e) || touch()) return;
  e.preventDefault();
  send();
};

const touch = (): boolean => matchMedia('(pointer: coarse)').matches;

/** On a touch screen the focus would bring up a keyboard over half the page. */
function focusUnlessTouch(area: HTMLTextAreaElement): void {
  if (!touch()) area.focus();
}

/** A browser takes much longer to insert megabytes as if they were typed than to set them. */
const LARGE_PASTE = 100_000;

function pasteAtOnce(e: ClipboardEvent & { currentTarget: HTMLTextAreaElement }, onInput: (area: HTMLTextAreaElement) => void): void {
  const text = e.clipboardData?.getData('text/plain') ?? '';
  if (text.length < LARGE_PASTE) return;
  e.preventDefault();
  const area = e.currentTarget;
  area.dir = directionOf(text);
  area.setRangeText(text, area.selectionStart, area.selectionEnd, 'end');
  onInput(area);
}

/** As high as its text; the style sheet has the limit. */
export function grow(area: HTMLTextAreaElement): void {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}
