import type { Included } from '../chats/record';
import { count } from '../format';
import { Icon } from '../icons';
import { t } from '../language';

/** What files gave to a question: the model has seen this, and nothing else of them. */
export function IncludedView({ included }: { included: Included[] }) {
  const names = [...new Set(included.map((i) => i.name))];
  const said = names.map((name) => {
    const passages = included.filter((i) => i.name === name && i.number !== undefined).length;
    return passages > 0 ? t('includedPassages', { name, count: passages }) : t('includedWhole', { name });
  });
  return (
    <details class="included" data-testid="included">
      <summary>
        <Icon name="clip" />
        <span dir="auto">{said.join(' · ')}</span>
      </summary>
      <ol>
        {included.map(({ name, number, text }, i) => (
          <li key={number ?? `file ${i}`} id={number === undefined ? undefined : passageID(number)} tabIndex={-1} data-testid="passage">
            <strong>
              {number !== undefined && `[${number}] `}
              {name} <span class="hint">{t('characters', { count: count(text.length) })}</span>
            </strong>
            <p dir="auto">{text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}</p>
          </li>
        ))}
      </ol>
    </details>
  );
}

/** A browser takes long to lay out a book. */
const SHOWN = 20_000;

const passageID = (number: number): string => `passage-${number}`;

/** Follows a citation in an answer to its passage. */
export function followCitation(e: MouseEvent): void {
  const link = (e.target as Element).closest<HTMLAnchorElement>('a.citation');
  if (!link) return;
  e.preventDefault();
  const passage = document.getElementById(passageID(Number(link.dataset.citation)));
  passage?.closest('details')?.setAttribute('open', '');
  passage?.focus();
  passage?.scrollIntoView({ block: 'center' });
}
