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
type Values<K extends Text> = [Gaps<(typeof TEXTS)[K][0]>] extends [never] ? [] : [values: Record<Gaps<(typeof TEXTS)[K][0]>, string | number>];

/** The texts without gaps. */
export type PlainText = { [K in Text]: Values<K> extends [] ? K : never }[Text];

/** A text of the page in the user's language, its gaps filled. Called while rendering, so that it follows the language. */
export function t<K extends Text>(text: K, ...values: Values<K>): string {
  const filled = (values[0] ?? {}) as Record<string, string | number>;
  return TEXTS[text][language() === 'zh' ? 1 : 0].replace(/\{(\w+)\}/g, (_, name) => String(filled[name]));
}
