import { bounds, type ModelInfo, type Params } from '../api/tabseek';

/** The user's choices; what is undefined is left to the model. */
export type Settings = Pick<Params, 'temperature' | 'top_p' | 'max_tokens' | 'seed'>;

export interface Field {
  key: keyof Settings;
  label: string;
  hint: string;
  step: number;
  /** What holds while the field is empty. */
  fallback: (info: ModelInfo) => string;
}

export const FIELDS: Field[] = [
  { key: 'temperature', label: 'Temperature', hint: 'Lower is more predictable; 0 always takes the likeliest token.', step: 0.05, fallback: (i) => String(i.temperature) },
  { key: 'top_p', label: 'Top-p', hint: 'Considers only the likeliest tokens that together have this probability.', step: 0.01, fallback: (i) => String(i.top_p) },
  { key: 'max_tokens', label: 'Max tokens', hint: 'Stops an answer after this many tokens, thinking included.', step: 1, fallback: () => 'no limit' },
  { key: 'seed', label: 'Seed', hint: 'The same seed gives the same answer to the same question.', step: 1, fallback: () => 'random' },
];

/** A field's text as its number, within its bounds; undefined leaves it to the model. */
export function parseField(field: Field, text: string): number | undefined {
  if (text.trim() === '' || !Number.isFinite(Number(text))) return undefined;
  const { min, max } = bounds[field.key];
  const value = Math.min(max, Math.max(min, Number(text)));
  return Number.isInteger(field.step) ? Math.round(value) : value;
}
