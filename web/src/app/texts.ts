/** Every text of the page, in English and in Chinese; {name} is a gap that the caller fills (language.ts). */
export const TEXTS = {
  language: ['Language', '语言'],
  automatic: ['Automatic', '自动'],
  settings: ['Settings', '设置'],
  theme: ['Theme', '主题'],
  light: ['Light', '浅色'],
  dark: ['Dark', '深色'],
} as const satisfies Record<string, readonly [en: string, zh: string]>;

export type Text = keyof typeof TEXTS;
