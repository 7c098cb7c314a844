import { TabseekError, type ErrorCode } from '../api/tabseek';
import type { ChatError, ChatErrorCode } from './chats/record';
import { t, type PlainText } from './language';

/** What the page has words for: the engine's errors and its own. */
export type Explained = TabseekError | ChatError;

/** An error in a person's words. */
export interface Explanation {
  title: string;
  /** What happened, and what can be done. */
  text: string;
  /** Ways out, one a line. */
  steps: string[];
  /** The label of the button that tries again, if trying again can help. */
  retry?: string;
}

/** An error's code; no_webgpu and remote_refused have two causes, which ask for different things. */
type Kind = ErrorCode | ChatErrorCode | 'no_adapter' | 'remote_locked';

const STEPS: Partial<Record<Kind, PlainText[]>> = {
  no_webgpu: ['no_webgpu.step1', 'no_webgpu.step2', 'no_webgpu.step3'],
  no_adapter: ['no_adapter.step1', 'no_adapter.step2', 'no_adapter.step3'],
  insecure_context: ['insecure_context.step1', 'insecure_context.step2'],
};

/** What the button says that tries again; without one, it cannot help. */
const RETRY: Partial<Record<Kind, PlainText>> = {
  no_adapter: 'tryAgain',
  download_failed: 'tryAgain',
  bad_hash: 'tryAgain',
  quota_exceeded: 'goOnLoading',
  bad_model: 'tryAgain',
  out_of_memory: 'tryAgain',
  device_lost: 'reloadModel',
  numeric_fault: 'reloadModel',
  wrong_results: 'tryAgain',
  remote_unreachable: 'tryAgain',
  remote_refused: 'tryAgain',
  remote_locked: 'tryAgain',
  rate_limited: 'tryAgain',
  remote_failed: 'tryAgain',
  aborted: 'tryAgain',
  internal: 'reloadModel',
};

export function explain(error: Explained): Explanation {
  const kind = kindOf(error);
  const retry = RETRY[kind];
  return { title: t(`${kind}.title`), text: t(`${kind}.text`), steps: (STEPS[kind] ?? []).map((step) => t(step)), retry: retry && t(retry) };
}

/** Whether this page's server wants its token before it hands anything on. */
export const locked = (error: Explained): boolean => error instanceof TabseekError && error.fields.token === true;

function kindOf(error: Explained): Kind {
  if (locked(error)) return 'remote_locked';
  return error.code === 'no_webgpu' && navigator.gpu ? 'no_adapter' : error.code;
}

/** After these, the same model can be asked again at once. */
const PASSING = new Set<Kind>(['remote_unreachable', 'remote_refused', 'rate_limited', 'remote_failed', 'unsupported']);

/** Whether the model has to be loaded again before it can answer again. */
export function mustReload(error: Explained): boolean {
  if (locked(error)) return true; // which asks for the token
  return !PASSING.has(error.code) && explain(error).retry !== undefined;
}

export function asTabseekError(e: unknown): TabseekError {
  return e instanceof TabseekError ? e : new TabseekError('internal', e instanceof Error ? e.message : String(e));
}
