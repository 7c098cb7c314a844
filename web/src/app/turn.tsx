import { useEffect, useState } from 'preact/hooks';
import type { Answer, Turn } from './conversation';
import { explain } from './explain';
import { Failure } from './failure';
import { count, rate } from './format';
import { Icon } from './icons';
import { Markdown } from './markdown';
import { Thinking } from './thinking';

interface Props {
  turn: Turn;
  /** Positions of the model's context. */
  context: number;
  /** Only for the last answer, and only while nothing is generated. */
  onRegenerate?: () => void;
  /** Only while loading the model again can help. */
  onReload?: () => void;
}

/** A question, as the tab of the sheet that its answer is written on. */
export function TurnView({ turn: { question, answer }, context, onRegenerate, onReload }: Props) {
  // While the model has to be loaded again, it cannot answer again.
  const mustReload = answer.error !== undefined && explain(answer.error).retry !== undefined;
  return (
    <article class="turn">
      <h2 class="question" dir="auto">
        <span class="sr-only">You asked: </span>
        {question}
      </h2>
      <div class="sheet" aria-busy={answer.stage !== 'done'}>
        {answer.stage === 'waiting' && <p class="waiting">Waiting for the model</p>}
        {answer.stage === 'reading' && <p class="waiting">Reading the question{answer.read ? `, ${Math.round(100 * answer.read)} %` : ''}</p>}
        {answer.reasoning && <Thinking answer={answer} />}
        <div data-testid="answer" class="answer">
          <Markdown text={answer.content} />
        </div>
        {answer.error && <Failure error={answer.error} onRetry={onReload} />}
        {answer.stage === 'done' && <AnswerFooter answer={answer} context={context} onRegenerate={mustReload ? undefined : onRegenerate} />}
      </div>
    </article>
  );
}

function AnswerFooter({ answer, context, onRegenerate }: { answer: Answer; context: number; onRegenerate?: () => void }) {
  const ending = describeEnding(answer, context);
  return (
    <footer class="answer-footer">
      {ending && <p class="ending">{ending}</p>}
      <p class="counts">{describeCounts(answer)}</p>
      {answer.content && <CopyButton text={answer.content} />}
      {onRegenerate && (
        <button type="button" class="text-button" data-testid="regenerate" onClick={onRegenerate}>
          <Icon name="again" />
          Regenerate
        </button>
      )}
    </footer>
  );
}

/** Why an answer ended, if not because it was complete. */
function describeEnding({ finish, usage, content }: Answer, context: number): string {
  if (finish === 'stop' && !content) return 'The model ended without an answer.';
  if (finish === 'abort') return 'Stopped.';
  if (finish !== 'length') return '';
  // The last token is never fed back, so a full context may show as one position less.
  const full = usage !== undefined && usage.total_tokens >= context - 1;
  return full ? 'The context is full. Start a new chat to go on.' : 'Stopped at the limit of tokens, which is in the settings.';
}

function describeCounts({ usage, tokensPerSecond }: Answer): string {
  if (!usage) return '';
  const parts = [`${count(usage.prompt_tokens)} tokens read`, `${count(usage.completion_tokens)} written`];
  if (tokensPerSecond) parts.push(rate(tokensPerSecond));
  return parts.join(' · ');
}

function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  // The browser may refuse; then the button just does not say that it copied.
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true), () => {});
  return (
    <button type="button" class="text-button" data-testid="copy" onClick={copy}>
      <Icon name={copied ? 'check' : 'copy'} />
      {copied ? 'Copied' : 'Copy'}
    </button>
  );
}
