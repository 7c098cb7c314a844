import type { Live } from './chats/answer';
import { contextUsed } from './chats/panel';
import type { Turn } from './chats/tree';
import { count, rate } from './format';
import { Icon } from './icons';
import { t } from './language';
import type { LoadState } from './loader';

/** From this part of the context on, the page warns. */
const WARN_AT = 0.8;

/** The line below the composer: what goes on, how fast, and how much of the context is used. */
export function StatusLine({ load, live, turns, onActivity }: { load: LoadState; live?: Live; turns: Turn[]; onActivity: () => void }) {
  const context = load.kind === 'ready' ? load.engine.info.context : 0;
  const local = load.kind === 'ready' && !load.engine.remote;
  const answer = turns.at(-1)?.answer;
  const used = usedNow(live, turns);
  return (
    <div class="status-line">
      <span role="status" data-testid="status">
        {describe(load, live, turns)}
      </span>
      <span data-testid="speed">{answer?.tokens_per_second ? rate(answer.tokens_per_second) : ''}</span>
      {local && (
        <button type="button" class="activity-button" data-testid="activity" aria-haspopup="dialog" aria-label={t('activity')} title={t('activity')} onClick={onActivity}>
          <Icon name="pulse" />
        </button>
      )}
      {context > 0 && <ContextUse used={used} context={context} />}
    </div>
  );
}

/** Changes only when a stage does, so a screen reader does not hear every token. */
function describe(load: LoadState, live: Live | undefined, turns: Turn[]): string {
  switch (load.kind) {
    case 'checking':
      return t('checkingBrowser');
    case 'offered':
    case 'paused':
      return t('noModel');
    case 'loading':
      return t('loadingModel', { name: load.offer.name });
    case 'contacting':
      return t('contacting', { name: load.offer.name });
    case 'locked':
    case 'failed':
      return t('notReady');
  }
  if (!live) return t('ready');
  if (live.error) return t('answerFailed');
  if (live.stage !== 'done') return t(live.stage);
  const finish = turns.at(-1)?.answer?.finish;
  return t(finish === 'length' ? 'cutOff' : finish === 'abort' ? 'answerStopped' : 'complete');
}

/** How much of the context is used: as an answer's end tells, and until then its prompt, or what was used before, with its tokens so far. */
function usedNow(live: Live | undefined, turns: Turn[]): number {
  const before = contextUsed(turns.findLast((turn) => turn.answer?.usage && turn.answer.finish)?.answer ?? {});
  return live && live.stage !== 'done' ? (live.prompt ?? before) + (live.tokens ?? 0) : before;
}

function ContextUse({ used, context }: { used: number; context: number }) {
  const scarce = used >= WARN_AT * context;
  return (
    <span class={scarce ? 'context scarce' : 'context'} data-testid="context">
      <meter aria-label={t('contextUsed')} min={0} max={context} value={used} />
      <span>
        {t('ofContext', { used: count(used), context: count(context) })}
        <span class="wide-only">{t('tokens')}</span>
        {scarce && used < context - 1 && t('nearlyFull')}
      </span>
    </span>
  );
}
