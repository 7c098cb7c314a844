import { bounds, type ModelInfo, type Params } from '../api/tabseek';
import { t, type PlainText } from './language';
import { Store } from './store';

type NumberKey = 'temperature' | 'top_p' | 'max_tokens' | 'seed' | 'thinking_budget';

export const DEPTHS = ['fast', 'careful', 'thorough'] as const;
export type Depth = (typeof DEPTHS)[number];

/** A model, and how many answers its device computes side by side, where that is known. */
export type Computes = Pick<ModelInfo, 'name'> & Partial<Pick<ModelInfo, 'sequences'>>;

/** How many answers one is made of. A device that computes many side by side makes more; of a model elsewhere that is not known. */
export function samplesOf(depth: Depth, { sequences = 0 }: Computes): number {
  if (depth === 'fast') return 1;
  return depth === 'careful' ? 4 : sequences >= 16 ? 16 : 8;
}

/** How much thought is tried. */
export const EFFORTS = ['none', 'low', 'medium', 'high'] as const;

/** The user's choices; what is undefined is left to the model. */
export interface Settings extends Pick<Params, NumberKey | 'logprobs'> {
  /** What is undefined is the model's own choice. */
  reasoning_effort?: (typeof EFFORTS)[number];
  /** How many answers one is made of; undefined is fast. */
  depth?: Exclude<Depth, 'fast'>;
  /** The system prompt of new chats. */
  system?: string;
  /** What the device draws, and what a million tokens cost elsewhere. */
  watts?: number;
  price?: number;
}

export interface Field {
  key: NumberKey;
  label: PlainText;
  hint: PlainText;
  step: number;
  /** What holds while the field is empty. */
  fallback: (info: ModelInfo) => string;
}

export const FIELDS: Field[] = [
  { key: 'temperature', label: 'temperature', hint: 'temperatureHint', step: 0.05, fallback: (i) => String(i.temperature) },
  { key: 'top_p', label: 'topP', hint: 'topPHint', step: 0.01, fallback: (i) => String(i.top_p) },
  { key: 'max_tokens', label: 'maxTokens', hint: 'maxTokensHint', step: 1, fallback: () => t('noLimit') },
  { key: 'seed', label: 'seed', hint: 'seedHint', step: 1, fallback: () => t('random') },
];

/** After how many tokens thinking is cut short. It stands beside the question, not among the settings. */
export const LIMIT: Field = { key: 'thinking_budget', label: 'thinkingLimit', hint: 'thinkingLimitHint', step: 1, fallback: () => t('noLimit') };

/** A field's text as its number, within its bounds; undefined leaves it to the model. */
export const parseField = (field: Field, text: string): number | undefined => (text.trim() === '' ? undefined : within(field, Number(text)));

function within({ key, step }: Field, value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  const { min, max } = bounds[key];
  const bounded = Math.min(max, Math.max(min, value));
  return Number.isInteger(step) ? Math.round(bounded) : bounded;
}

const KEY = 'tabseek.settings';

/** What was chosen before, as far as it is still understood. */
function remembered(): Settings {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    if (typeof kept !== 'object' || kept === null) return {};
    const { system, logprobs, watts, price, depth, reasoning_effort, ...numbers } = kept as Record<string, unknown>;
    const settings: Settings = {};
    for (const field of [...FIELDS, LIMIT]) settings[field.key] = within(field, numbers[field.key]);
    if (typeof system === 'string') settings.system = system;
    if (depth === 'careful' || depth === 'thorough') settings.depth = depth;
    settings.reasoning_effort = EFFORTS.find((e) => e === reasoning_effort);
    if (typeof watts === 'number') settings.watts = watts;
    if (typeof price === 'number') settings.price = price;
    if (logprobs === true) settings.logprobs = true;
    return settings;
  } catch {
    return {};
  }
}

export const settings = new Store<Settings>(remembered());

export function changeSettings(change: Partial<Settings>): void {
  settings.value = { ...settings.value, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.value));
  } catch {
    // a browser that blocks storage keeps them as long as the page
  }
}
