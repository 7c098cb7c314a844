import { useMemo } from 'preact/hooks';
import { Announcer } from './announcer';
import type { RemoteOffer } from './catalogue';
import type { Live } from './chats/answer';
import type { Turn } from './chats/tree';
import { t } from './language';
import { TurnView, type TurnActions } from './turn';

interface Props {
  turns: Turn[];
  /** The answer under way, or the one that failed. */
  live?: Live;
  interrupted: ReadonlySet<string>;
  context: number;
  /** The model that is chosen. */
  model?: string;
  /** Nothing can be asked while an answer is under way. */
  busy: boolean;
  elsewhere: RemoteOffer[];
  actions: TurnActions;
}

export function Chat({ turns, live, interrupted, context, model, busy, elsewhere, actions }: Props) {
  const numbers = turns.flatMap(({ question }) => question.included?.flatMap((i) => i.number ?? []) ?? []);
  const citations = useMemo(() => new Set(numbers), [numbers.join()]);
  const last = turns.at(-1)?.answer;
  return (
    <section class="chat" aria-label={t('conversation')}>
      {turns.map((turn, i) => (
        <TurnView
          key={turn.question.id}
          turn={turn}
          citations={citations}
          live={live?.id === turn.answer?.id ? live : undefined}
          interrupted={interrupted.has(turn.answer?.id ?? '')}
          context={context}
          model={model}
          last={i === turns.length - 1}
          busy={busy}
          elsewhere={elsewhere}
          actions={actions}
        />
      ))}
      <Announcer live={live?.id === last?.id ? live : undefined} content={last?.content ?? ''} />
    </section>
  );
}
