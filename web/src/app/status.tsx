import type { Turn } from './conversation';
import { count, rate } from './format';
import type { LoadState } from './loader';

/** From this part of the context on, the page warns. */
const WARN_AT = 0.8;

/** The line below the composer: what goes on, how fast, and how much of the context is used. */
export function StatusLine({ load, turns }: { load: LoadState; turns: Turn[] }) {
  const context = load.kind === 'ready' ? load.engine.info.context : 0;
  const answer = turns.at(-1)?.answer;
  // Known only at an answer's end; until then the one before is the best guess.
  const used = turns.findLast((t) => t.answer.usage)?.answer.usage?.total_tokens ?? 0;
  return (
    <div class="status-line">
      <span role="status" data-testid="status">
        {describe(load, answer)}
      </span>
      <span data-testid="speed">{answer?.tokensPerSecond ? rate(answer.tokensPerSecond) : ''}</span>
      {context > 0 && <ContextUse used={used} context={context} />}
    </div>
  );
}

/** Changes only when a stage does, so a screen reader does not hear every token. */
function describe(load: LoadState, answer: Turn['answer'] | undefined): string {
  switch (load.kind) {
    case 'checking':
      return 'Checking the browser';
    case 'offered':
      return 'No model is loaded';
    case 'loading':
      return `Loading ${load.offer.name}`;
    case 'failed':
      return 'Not ready';
  }
  if (!answer) return 'Ready';
  if (answer.error) return 'The answer failed';
  if (answer.stage !== 'done') return { waiting: 'Waiting for the model', reading: 'Reading the question', thinking: 'Thinking', answering: 'Answering' }[answer.stage];
  return { stop: 'Answer complete', length: 'Answer cut off', abort: 'Answer stopped' }[answer.finish ?? 'stop'];
}

function ContextUse({ used, context }: { used: number; context: number }) {
  const scarce = used >= WARN_AT * context;
  return (
    <span class={scarce ? 'context scarce' : 'context'} data-testid="context">
      <meter aria-label="Context used" min={0} max={context} value={used} />
      <span>
        {count(used)} of {count(context)}
        <span class="wide-only"> tokens</span>
        {scarce && used < context - 1 && ', nearly full'}
      </span>
    </span>
  );
}
