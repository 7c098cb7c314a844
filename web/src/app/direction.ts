/** A browser lays out a long text area of direction auto in minutes, and one whose direction is said in a second. */
const LONG = 10_000;

const FIRST_IS_RTL = /^\P{L}*[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}]/u;

/** The direction for a text area: the browser finds it, unless the text is long. */
export function directionOf(text: string): 'auto' | 'ltr' | 'rtl' {
  if (text.length < LONG) return 'auto';
  return FIRST_IS_RTL.test(text.slice(0, LONG)) ? 'rtl' : 'ltr';
}
