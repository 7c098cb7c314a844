import type { ComponentChildren } from 'preact';
import { explain, type Explained } from './explain';
import { Icon } from './icons';

interface Props {
  error: Explained;
  /** Without it there is nothing to try again. */
  onRetry?: () => void;
  /** More that can be done. */
  children?: ComponentChildren;
}

/** What went wrong, what to do, and the technical reason in small print. */
export function Failure({ error, onRetry, children }: Props) {
  const { title, text, steps, retry } = explain(error);
  return (
    <section class="failure" role="alert" data-testid="failure" data-code={error.code}>
      <h2>
        <Icon name="warning" />
        {title}
      </h2>
      <p>{text}</p>
      {steps.length > 0 && (
        <ul>
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ul>
      )}
      {children}
      {retry && onRetry && (
        <button type="button" class="button primary" onClick={onRetry}>
          {retry}
        </button>
      )}
      <p class="small-print">
        <code>{error.code}</code> {error.message}
      </p>
    </section>
  );
}
