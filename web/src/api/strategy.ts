import type { Params } from '../shared/messages.gen';
import type { CompletionRequest, StrategyRequest } from './completion';
import type { VerifierFunction } from './connection';

/** A strategy as the engine reads it, and its verifier where that is a function. */
export function splitVerifier(strategy: CompletionRequest['strategy']): Pick<Params, 'strategy'> & { verifier?: VerifierFunction } {
  if (strategy === undefined) return {};
  const verifier = typeof strategy === 'object' ? strategy?.verifier : undefined;
  if (typeof verifier !== 'function') return { strategy: strategy as Params['strategy'] };
  return { strategy: { ...(strategy as StrategyRequest), verifier: 'function' }, verifier };
}
