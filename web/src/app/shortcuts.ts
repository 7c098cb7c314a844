import { useEffect } from 'preact/hooks';

export interface Shortcuts {
  onStop: () => void;
  onNewChat: () => void;
  onSearch: () => void;
  onSidebar: () => void;
}

/** Esc stops the answer, Ctrl+Shift+O begins a new chat, Ctrl+K searches, Ctrl+B shows and hides the chats. */
export function useShortcuts({ onStop, onNewChat, onSearch, onSidebar }: Shortcuts): void {
  useEffect(() => {
    const onKeyDown = (e: KeyboardEvent) => {
      if (document.querySelector('dialog[open]') || e.isComposing) return; // a dialog's keys are its own
      const control = e.ctrlKey || e.metaKey;
      const key = `${control ? 'Ctrl+' : ''}${e.shiftKey ? 'Shift+' : ''}${e.code}`;
      const action = { Escape: onStop, 'Ctrl+Shift+KeyO': onNewChat, 'Ctrl+KeyK': onSearch, 'Ctrl+KeyB': onSidebar }[key];
      if (!action) return;
      if (control) e.preventDefault();
      action();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  });
}
