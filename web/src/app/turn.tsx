import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RemoteOffer } from './catalogue';
import type { Live } from './chats/answer';
import { contextUsed, doubtful } from './chats/panel';
import type { Message } from './chats/record';
import type { Branch, Turn } from './chats/tree';
import { grow, onEnter } from './composer';
import { directionOf } from './direction';
import { mustReload } from './explain';
import { Failure } from './failure';
import { count, rate } from './format';
import { Help } from './help';
import { Icon } from './icons';
import { composes } from './keys';
import { Lanes, Steering } from './lanes';
import { t } from './language';
import { Markdown } from './markdown/markdown';
import { followCitation, IncludedView } from './sources/included';
import { Thinking } from './thinking';
import { Tokens } from './tokens';

/** What can be done in a chat; what is missing cannot be done now. */
export interface TurnActions {
  edit?: (question: string, text: string) => void;
  regenerate?: (question: string) => void;
  goOn?: (answer: string) => void;
  /** Shows the branch of a message. */
  choose: (message: string) => void;
  /** Loads the model again. */
  reload: () => void;
  /** Tells the answer under way to end its thinking, or to think on. */
  answerNow: () => void;
  thinkLonger: () => void;
  /** Answers a question with so many samples. */
  sample?: (question: string, n: number) => void;
  /** Has a model elsewhere answer it. */
  askElsewhere?: (question: string, offer: RemoteOffer, enclosed?: string) => void;
}

interface Props {
  turn: Turn;
  /** The passages that this turn and those before it were given, by number. */
  citations: ReadonlySet<number>;
  live?: Live;
  interrupted: boolean;
  /** Positions of the model's context. */
  context: number;
  /** The model that is chosen. */
  model?: string;
  last: boolean;
  busy: boolean;
  /** Models elsewhere. */
  elsewhere: RemoteOffer[];
  actions: TurnActions;
}

/** A question, as the tab of the sheet that its answer is written on. */
export function TurnView({ citations, turn: { question, questions, answer, answers }, live, interrupted, context, model, last, busy, elsewhere, actions }: Props) {
  // While the model has to be loaded again, it cannot answer again.
  const stuck = live?.error !== undefined && mustReload(live.error);
  const offered: TurnActions = busy || stuck ? { ...actions, edit: undefined, regenerate: undefined, goOn: undefined, sample: undefined, askElsewhere: undefined } : actions;
  const choose = busy ? undefined : actions.choose;
  return (
    <article class="turn">
      <Question question={question} branch={questions} onEdit={offered.edit} onChoose={choose} />
      <div class="sheet" aria-busy={live !== undefined && live.stage !== 'done'}>
        {question.included && <IncludedView included={question.included} />}
        {live?.stage === 'waiting' && <p class="waiting">{t('waiting')}</p>}
        {live?.stage === 'reading' && <p class="waiting">{live.read ? t('readingPart', { percent: Math.round(100 * live.read) }) : t('reading')}</p>}
        {answer && <Answer answer={answer} live={live} citations={citations} />}
        {live?.steerable && live.stage === 'thinking' && <Steering onNow={actions.answerNow} onLonger={actions.thinkLonger} />}
        {last && answer?.panel && answer.finish && doubtful(answer.panel) && offered.sample && offered.askElsewhere && (
          <Help panel={answer.panel} offers={elsewhere} onSample={(n) => offered.sample!(question.id, n)} onAsk={(offer, enclosed) => offered.askElsewhere!(question.id, offer, enclosed)} />
        )}
        {live?.error && <Failure error={live.error} onRetry={last ? (stuck ? actions.reload : actions.regenerate && (() => actions.regenerate!(question.id))) : undefined} />}
        {answer?.finish === null && !live && (interrupted ? <Interrupted onGoOn={offered.goOn && (() => offered.goOn!(answer.id))} /> : <p class="waiting">{t('elsewhere')}</p>)}
        {answer && (answer.finish || interrupted) && <AnswerFooter answer={answer} branch={answers!} live={live} context={context} model={model} last={last} actions={offered} onChoose={choose} />}
        {!answer && offered.regenerate && (
          <button type="button" class="button" data-testid="regenerate" onClick={() => offered.regenerate!(question.id)}>
            {t('answerIt')}
          </button>
        )}
      </div>
    </article>
  );
}

/** A longer question is cut until somebody wants all of it: a browser takes seconds to lay out megabytes. */
const LONG = 20_000;

/** So long a question looks like a heading. */
const HEADING = 160;

function Question({ question: { id, content }, branch, onEdit, onChoose }: { question: Message; branch: Branch; onEdit?: TurnActions['edit']; onChoose?: TurnActions['choose'] }) {
  const [editing, setEditing] = useState(false);
  const [whole, setWhole] = useState(false);
  if (editing && onEdit) {
    const send = (text: string) => {
      setEditing(false);
      onEdit(id, text);
    };
    return <EditBox text={content} onSend={send} onCancel={() => setEditing(false)} />;
  }
  const cut = !whole && content.length > LONG;
  return (
    <div class="question-row">
      <h2 class={content.length > HEADING ? 'question long' : 'question'} dir="auto">
        <span class="sr-only">{t('youAsked')}</span>
        {cut ? `${content.slice(0, LONG)}…` : content}
      </h2>
      <div class="question-tools">
        {cut && (
          <button type="button" class="text-button" onClick={() => setWhole(true)}>
            {t('showAll', { count: count(content.length) })}
          </button>
        )}
        <Branches branch={branch} onChoose={onChoose} />
        {onEdit && (
          <button type="button" class="icon-button" data-testid="edit" aria-label={t('editQuestion')} title={t('edit')} onClick={() => setEditing(true)}>
            <Icon name="pencil" />
          </button>
        )}
      </div>
    </div>
  );
}

function EditBox({ text: before, onSend, onCancel }: { text: string; onSend: (text: string) => void; onCancel: () => void }) {
  const [text, setText] = useState(before);
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => grow(area.current!), [text]);
  useLayoutEffect(() => {
    area.current!.focus();
    area.current!.setSelectionRange(before.length, before.length);
  }, []);
  const send = () => text.trim() && onSend(text.trim());
  const enter = onEnter(send);
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === 'Escape' && !composes(e)) {
      e.stopPropagation();
      onCancel();
    } else {
      enter(e);
    }
  };
  const onSubmit = (e: SubmitEvent) => {
    e.preventDefault();
    send();
  };
  return (
    <form class="question edit-box" onSubmit={onSubmit}>
      <textarea ref={area} rows={1} data-testid="edit-box" aria-label={t('editQuestion')} dir={directionOf(text)} value={text} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={onKeyDown} />
      <p>
        <button type="button" class="text-button" onClick={onCancel}>
          {t('cancel')}
        </button>
        <button type="submit" class="button primary" disabled={!text.trim()}>
          {t('send')}
        </button>
      </p>
    </form>
  );
}

/** Which of several versions is shown: ‹ 2/3 › */
function Branches({ branch: { index, ids }, onChoose }: { branch: Branch; onChoose?: (id: string) => void }) {
  if (ids.length < 2) return null;
  const step = (by: number, name: 'previousBranch' | 'nextBranch', testid: string) => (
    <button type="button" class="icon-button" data-testid={testid} aria-label={t(name)} title={t(name)} disabled={!onChoose || !ids[index + by]} onClick={() => onChoose!(ids[index + by]!)}>
      <Icon name={by < 0 ? 'left' : 'right'} />
    </button>
  );
  return (
    <span class="branches">
      {step(-1, 'previousBranch', 'branch-prev')}
      <span>{`${index + 1}/${ids.length}`}</span>
      {step(1, 'nextBranch', 'branch-next')}
    </span>
  );
}

function Answer({ answer, live, citations }: { answer: Message; live?: Live; citations: ReadonlySet<number> }) {
  const [tokens, setTokens] = useState(false);
  const open = live !== undefined && live.stage !== 'done';
  return (
    <>
      {answer.panel && <Lanes panel={answer.panel} running={open} />}
      {answer.reasoning && <Thinking answer={answer} live={open ? live : undefined} />}
      <div data-testid="answer" class="answer" onClick={followCitation}>
        {tokens && answer.logprobs ? <Tokens logprobs={answer.logprobs} /> : <Markdown text={answer.content} open={open} citations={citations} />}
      </div>
      {answer.logprobs && answer.logprobs.length > 0 && !open && (
        <button type="button" class="text-button" data-testid="probabilities" aria-pressed={tokens} onClick={() => setTokens(!tokens)}>
          {t('probabilities')}
        </button>
      )}
    </>
  );
}

function Interrupted({ onGoOn }: { onGoOn?: () => void }) {
  return (
    <div class="interrupted" data-testid="interrupted">
      <p>{t('interrupted')}</p>
      {onGoOn && (
        <button type="button" class="button" data-testid="continue" onClick={onGoOn}>
          {t('goOn')}
        </button>
      )}
    </div>
  );
}

interface FooterProps {
  answer: Message;
  branch: Branch;
  live?: Live;
  context: number;
  model?: string;
  last: boolean;
  actions: TurnActions;
  onChoose?: (id: string) => void;
}

function AnswerFooter({ answer, branch, live, context, model, last, actions, onChoose }: FooterProps) {
  const ending = describeEnding(answer, live, context);
  const unfinished = answer.finish === 'abort' || answer.finish === 'length' || answer.finish === 'error';
  const { goOn, regenerate } = actions;
  return (
    <footer class="answer-footer">
      {ending && (
        <p class="ending" {...(answer.finish === 'error' && { 'data-testid': 'failure', 'data-code': answer.error?.code })}>
          {ending}
        </p>
      )}
      <p class="counts">{describeCounts(answer, model)}</p>
      <Branches branch={branch} onChoose={onChoose} />
      {answer.content && <CopyButton text={answer.content} />}
      {last && unfinished && goOn && !answer.panel && (
        <button type="button" class="text-button" data-testid="continue" onClick={() => goOn(answer.id)}>
          <Icon name="play" />
          {t('continueAnswer')}
        </button>
      )}
      {last && regenerate && (
        <button type="button" class="text-button" data-testid="regenerate" onClick={() => regenerate(answer.parent!)}>
          <Icon name="again" />
          {t('regenerate')}
        </button>
      )}
    </footer>
  );
}

/** Why an answer ended, if not because it was complete. */
function describeEnding(answer: Message, live: Live | undefined, context: number): string {
  const { finish, usage, content, error } = answer;
  if (finish === 'error') return live?.error ? '' : t('failed', { reason: error?.message ?? '' });
  if (finish === 'stop' && !content) return t('noAnswer');
  if (finish === 'abort') return t('stopped');
  if (finish !== 'length') return '';
  // The last token is never fed back, so a full context may show as one position less.
  const full = usage !== undefined && contextUsed(answer) >= context - 1;
  return full ? t('contextFull') : t('atLimit');
}

/** Another model than the one that is chosen is named. */
function describeCounts({ usage, tokens_per_second: speed, model }: Message, chosen: string | undefined): string {
  if (!usage) return '';
  const parts = [t('tokensWritten', { count: count(usage.completion_tokens) })];
  if (usage.prompt_tokens > 0) parts.unshift(t('tokensRead', { count: count(usage.prompt_tokens) })); // a server elsewhere may not have told
  if (speed) parts.push(rate(speed));
  if (model && chosen && model !== chosen) parts.push(model);
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
      {copied ? t('copied') : t('copy')}
    </button>
  );
}
