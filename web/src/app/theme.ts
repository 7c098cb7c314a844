import { Store } from './store';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'tabseek.theme';
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

/** Storage throws where the browser blocks it; then the choice lasts as long as the page. */
function remembered(): Theme {
  try {
    return THEMES.find((t) => t === localStorage.getItem(KEY)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

export const theme = new Store<Theme>(remembered());

export function setTheme(next: Theme): void {
  theme.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // see remembered
  }
}

/** Keeps the document's data-theme, which the style sheet goes by, at light or dark. */
export function followTheme(): void {
  const apply = () => {
    const dark = theme.value === 'dark' || (theme.value === 'auto' && systemIsDark.matches);
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  };
  apply();
  theme.follow(apply);
  systemIsDark.addEventListener('change', apply);
}
