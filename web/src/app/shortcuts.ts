import { useLayoutEffect } from 'preact/hooks';
import { composes } from './keys';

export interface Shortcuts {
  onStop: () => void;
  onNewChat: () => void;
  onSearch: () => void;
  onSidebar: () => void;
  onHelp: () => void;
}

/** Esc stops the answer, Ctrl+Shift+O begins a new chat, Ctrl+K searches, Ctrl+B shows and hides the chats, / goes to the question, ? tells all. */
export function useShortcuts({ onStop, onNewChat, onSearch, onSidebar, onHelp }: Shortcuts): void {
  useLayoutEffect(() => {
    const withControl: Record<string, () => void> = { 'Shift+KeyO': onNewChat, KeyK: onSearch, KeyB: onSidebar };
    const plain: Record<string, () => void> = { '/': () => document.getElementById('prompt')?.focus(), '?': onHelp };
    const onKeyDown = (e: KeyboardEvent) => {
      if (document.querySelector('dialog[open]') || composes(e)) return; // a dialog's keys are its own
      const control = e.ctrlKey || e.metaKey;
      const writing = e.target instanceof Element && e.target.closest('input, textarea') !== null;
      const action = control ? withControl[`${e.shiftKey ? 'Shift+' : ''}${e.code}`] : e.key === 'Escape' ? onStop : writing ? undefined : plain[e.key];
      if (!action) return;
      if (e.key !== 'Escape') e.preventDefault();
      action();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  });
}
