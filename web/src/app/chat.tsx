import type { Turn } from './conversation';
import { TurnView } from './turn';

interface Props {
  turns: Turn[];
  context: number;
  onRegenerate?: () => void;
  onReload: () => void;
}

export function Chat({ turns, context, onRegenerate, onReload }: Props) {
  return (
    <section class="chat" aria-label="Conversation">
      {turns.map((turn, i) => {
        const last = i === turns.length - 1;
        return <TurnView key={turn.id} turn={turn} context={context} onRegenerate={last ? onRegenerate : undefined} onReload={last ? onReload : undefined} />;
      })}
    </section>
  );
}
