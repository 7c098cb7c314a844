import { useState } from 'preact/hooks';
import type { RemoteOffer } from './catalogue';
import { t } from './language';

/** While a server elsewhere is asked for its models. */
export function Contacting({ offer, onCancel }: { offer: RemoteOffer; onCancel: () => void }) {
  return (
    <section class="card loading" aria-label={t('contacting', { name: offer.name })}>
      <p class="loading-phase">
        <span>{t('contacting', { name: offer.name })}</span>
        <button type="button" class="button" data-testid="cancel-load" onClick={onCancel}>
          {t('cancel')}
        </button>
      </p>
      <progress aria-label={t('contacting', { name: offer.name })} />
    </section>
  );
}

/** Asks before anything leaves this computer. */
export function RemoteConsent({ offer, onChoose }: { offer: RemoteOffer; onChoose: () => void }) {
  return (
    <section class="card consent">
      <h2>{t('remoteQuestion', { name: offer.name })}</h2>
      <p>{t('remoteConsent')}</p>
      <button type="button" class="button primary" data-testid="load" onClick={onChoose}>
        {t('remoteUse', { name: offer.name })}
      </button>
    </section>
  );
}

/** Asks for the token that this page's server wants before it hands anything on. */
export function TokenForm({ offer, again, onToken }: { offer: RemoteOffer; again: boolean; onToken: (token: string) => void }) {
  const [token, setToken] = useState('');
  const send = (e: SubmitEvent) => {
    e.preventDefault();
    if (token.trim()) onToken(token.trim());
  };
  return (
    <form class="card token" onSubmit={send}>
      <h2>{t('tokenTitle', { name: offer.name })}</h2>
      <label for="remote-token">{t('tokenHint')}</label>
      <p>
        <input id="remote-token" data-testid="remote-token" type="password" autocomplete="off" aria-invalid={again} aria-describedby={again ? 'remote-token-again' : undefined} value={token} onInput={(e) => setToken(e.currentTarget.value)} />
        <button type="submit" class="button primary" disabled={!token.trim()}>
          {t('tokenSend')}
        </button>
      </p>
      {again && (
        <p id="remote-token-again" class="hint" role="alert">
          {t('tokenAgain')}
        </p>
      )}
    </form>
  );
}
