import { useEffect } from 'preact/hooks';

/** Esc stops the answer, Ctrl+Shift+O begins a new chat. */
export function useShortcuts({ onStop, onNewChat }: { onStop: () => void; onNewChat: () => void }): void {
  useEffect(() => {
    const onKeyDown = (e: KeyboardEvent) => {
      if (document.querySelector('dialog[open]')) return; // its keys are its own
      if (e.key === 'Escape' && !e.isComposing) {
        onStop();
      } else if ((e.ctrlKey || e.metaKey) && e.shiftKey && e.code === 'KeyO') {
        e.preventDefault();
        onNewChat();
      }
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  });
}
