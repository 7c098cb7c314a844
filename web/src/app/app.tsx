import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Chat } from './chat';
import { Composer } from './composer';
import type { Conversation, Turn } from './conversation';
import { Failure } from './failure';
import { Header } from './header';
import { languageChoice } from './language';
import { Consent, Loading } from './load';
import type { Loader, LoadState } from './loader';
import { ModelDialog } from './model-dialog';
import { useFollowEnd } from './scroll';
import type { Settings } from './settings';
import { SettingsDialog } from './settings-dialog';
import { useShortcuts } from './shortcuts';
import { StatusLine } from './status';
import { useStore } from './store';
import { Examples, Welcome } from './welcome';

export function App({ loader, conversation }: { loader: Loader; conversation: Conversation }) {
  useStore(languageChoice);
  const load = useStore(loader.state);
  const offers = useStore(loader.offers);
  const turns = useStore(conversation.turns);
  const generating = useStore(conversation.generating);
  const [settings, setSettings] = useState<Settings>({});
  const [dialog, setDialog] = useState<'settings' | 'model'>();

  const engine = load.kind === 'ready' ? load.engine : undefined;
  const offer = 'offer' in load ? load.offer : undefined;
  const ready = (signal: AbortSignal) => loader.ready(signal);
  const ask = (question: string) => void conversation.ask(ready, question, settings);
  const regenerate = engine && !generating ? () => void conversation.regenerate(ready, settings) : undefined;
  const reload = () => {
    conversation.dismissError();
    if (offer) void loader.load(offer);
  };
  const newChat = () => {
    conversation.clear();
    document.getElementById('prompt')?.focus();
  };

  const main = useRef<HTMLElement>(null);
  useFollowEnd(main, turns, `${load.kind} ${turns.length}`);
  useDocumentState(documentState(load, turns, generating));
  useShortcuts({ onStop: () => conversation.stop(), onNewChat: newChat });

  return (
    <>
      <Header modelName={offer?.name} onModel={() => setDialog('model')} onSettings={() => setDialog('settings')} onNewChat={newChat} />
      <main ref={main}>
        {turns.length === 0 && load.kind !== 'failed' && <Welcome />}
        {turns.length > 0 && <Chat turns={turns} context={engine?.info.context ?? 0} onRegenerate={regenerate} onReload={reload} />}
        {turns.length === 0 && engine && <Examples onAsk={ask} />}
        <LoadPanel load={load} loader={loader} />
      </main>
      <div class="dock">
        <Composer ready={canAsk(load)} generating={generating} onSend={ask} onStop={() => conversation.stop()} />
        <StatusLine load={load} turns={turns} />
      </div>
      {dialog === 'settings' && <SettingsDialog settings={settings} info={engine?.info} onChange={setSettings} onClose={() => setDialog(undefined)} />}
      {dialog === 'model' && (
        <ModelDialog
          offers={offers}
          current={offer}
          engine={engine}
          busy={generating}
          onChoose={(chosen) => {
            setDialog(undefined);
            loader.choose(chosen);
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
    </>
  );
}

/** What stands between the user and a loaded model. */
function LoadPanel({ load, loader }: { load: LoadState; loader: Loader }) {
  switch (load.kind) {
    case 'offered':
      return <Consent offer={load.offer} onLoad={() => void loader.load(load.offer)} />;
    case 'loading':
      return <Loading offer={load.offer} progress={load.progress} onCancel={() => loader.cancel()} />;
    case 'failed':
      return <Failure error={load.error} onRetry={() => loader.retry()} />;
  }
  return null;
}

/** A question may be sent before the model is there: it is asked when it is. */
const canAsk = ({ kind }: LoadState): boolean => kind === 'checking' || kind === 'loading' || kind === 'ready';

type DocumentState = 'loading' | 'ready' | 'generating' | 'error';

function documentState(load: LoadState, turns: Turn[], generating: boolean): DocumentState {
  if (load.kind === 'failed') return 'error';
  if (load.kind !== 'ready') return 'loading';
  if (generating) return 'generating';
  return turns.at(-1)?.answer.error ? 'error' : 'ready';
}

/** Tells style sheets and tests, by data-state, what the page is doing: never later than the elements that show it. */
function useDocumentState(state: DocumentState): void {
  useLayoutEffect(() => {
    document.documentElement.dataset.state = state;
  }, [state]);
}
