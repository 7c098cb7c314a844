import { LANGUAGES, language, t, type Language } from './language';

const numbers = (most: number, least = 0) =>
  Object.fromEntries(LANGUAGES.map((l) => [l, new Intl.NumberFormat(l, { minimumFractionDigits: least, maximumFractionDigits: most })])) as Record<Language, Intl.NumberFormat>;
const whole = numbers(0);
const tenths = numbers(1);
const fixed = numbers(1, 1);

/** 10 and more need no decimals. */
export const short = (n: number): string => (n < 9.95 ? tenths : whole)[language()].format(n);

/** With one decimal, whatever it is. */
export const withTenth = (n: number): string => fixed[language()].format(n);

function scaled(n: number, step: number, units: string[]): string {
  let i = 0;
  while (n >= step && i < units.length - 1) {
    n /= step;
    i++;
  }
  return `${short(n)}${units[i]}`;
}

export const count = (n: number): string => whole[language()].format(n);

/** 12 MB: decimal units, as download sizes are given. */
export const bytes = (n: number): string => scaled(n, 1000, ['\u00a0B', '\u00a0kB', '\u00a0MB', '\u00a0GB', '\u00a0TB']);

/** 2.4M parameters. */
export const parameters = (n: number): string => scaled(n, 1000, ['', 'K', 'M', 'B', 'T']);

export const rate = (perSecond: number): string => t('tokensPerSecond', { count: short(perSecond) });

/** 3.2 s, 1 min 5 s. */
export function duration(seconds: number): string {
  if (seconds < 60) return t('seconds', { count: withTenth(seconds) });
  return t('minutesSeconds', { minutes: Math.floor(seconds / 60), seconds: Math.floor(seconds % 60) });
}

/** About 40 s, about 3 min: a guess needs no tenths. */
export const guess = (seconds: number): string =>
  t('about', { time: seconds < 90 ? t('seconds', { count: Math.ceil(seconds) }) : t('minutes', { count: Math.round(seconds / 60) }) });
