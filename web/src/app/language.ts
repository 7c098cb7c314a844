import { Store } from './store';
import { TEXTS, type Text } from './texts';

export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What the user chose: a language, or the browser's. */
export type LanguageChoice = 'auto' | Language;

const KEY = 'tabseek.language';

/** Storage throws where the browser blocks it; then the choice lasts as long as the page. */
function remembered(): LanguageChoice {
  try {
    return LANGUAGES.find((l) => l === localStorage.getItem(KEY)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

/** The first of the browser's languages that the page has. */
const browsers = (): Language => LANGUAGES.find((l) => l === navigator.languages.map((tag) => tag.split('-')[0]).find((l) => LANGUAGES.some((has) => has === l))) ?? 'en';

export const languageChoice = new Store<LanguageChoice>(remembered());

export const language = (): Language => (languageChoice.value === 'auto' ? browsers() : languageChoice.value);

export function setLanguage(next: LanguageChoice): void {
  languageChoice.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // see remembered
  }
}

/** Keeps the document's lang, which screen readers and hyphenation go by. */
export function followLanguage(): void {
  const apply = () => (document.documentElement.lang = language() === 'zh' ? 'zh-Hans' : 'en');
  apply();
  languageChoice.follow(apply);
}

/** What stands in braces in a text. */
type Gaps<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Gaps<Rest> : never;
type Table = Record<string, readonly [en: string, zh: string]>;
type Values<T extends Table, K extends keyof T> = [Gaps<T[K][0]>] extends [never] ? [] : [values: Record<Gaps<T[K][0]>, string | number>];

/** The texts without gaps. */
export type PlainText = { [K in Text]: Values<typeof TEXTS, K> extends [] ? K : never }[Text];

/** Tells texts of a table in the user's language, their gaps filled. It is called while rendering, so that it follows the language. */
export const teller =
  <T extends Table>(texts: T) =>
  <K extends keyof T>(text: K, ...values: Values<T, K>): string => {
    const filled = (values[0] ?? {}) as Record<string, string | number>;
    return texts[text]![language() === 'zh' ? 1 : 0].replace(/\{(\w+)\}/g, (_, name) => String(filled[name]));
  };

/** A text of the page. */
export const t = teller(TEXTS);
