// What is written but not sent yet, for this tab.

const KEY = 'tabseek.draft';

/** Longer ones would fill the storage; the page says so (composer.tsx). */
export const MAX_LENGTH = 100_000;

export function keptDraft(): string {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

export function keepDraft(text: string): void {
  try {
    if (text && text.length <= MAX_LENGTH) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    // a browser that blocks storage keeps it as long as the page
  }
}

/** The draft is sent and kept elsewhere, unless another has been begun since. */
export function forgetDraft(sent: string): void {
  if (keptDraft() === sent) keepDraft('');
}
