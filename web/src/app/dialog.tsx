import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icons';
import { t } from './language';

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal panel, open as long as it is rendered. The browser keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => element.current!.showModal(), []);
  // What had the focus gets it back only if the browser closes the dialog; its close event then has it removed.
  const close = () => element.current!.close();
  const closeOnBackdrop = (e: MouseEvent) => e.target === element.current && close();
  return (
    <dialog ref={element} aria-label={title} onClose={onClose} onClick={closeOnBackdrop}>
      <div class="dialog">
        <header>
          <h2>{title}</h2>
          <button type="button" class="icon-button" aria-label={t('close')} onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
