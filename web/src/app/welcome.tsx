import type { Offer } from './catalogue';
import { t } from './language';

const EXAMPLES = ['What is 47 + 85?', 'Use 3, 7 and 25 to make 46.', '(12 + 7) * 3 - 20', 'Who are you?'];

/** What an empty chat says. */
export function Welcome({ offer }: { offer?: Offer }) {
  return (
    <section class="welcome">
      <h1>{offer?.remote ? offer.name : t('welcome')}</h1>
      <p>{offer?.remote ? t('welcomeRemote') : t('welcomeText')}</p>
    </section>
  );
}

export function Examples({ onAsk }: { onAsk: (question: string) => void }) {
  return (
    <ul class="examples" aria-label={t('exampleQuestions')}>
      {EXAMPLES.map((question) => (
        <li key={question}>
          <button type="button" onClick={() => onAsk(question)}>
            {question}
          </button>
        </li>
      ))}
    </ul>
  );
}
