import { MAX_REQUEST_BYTES, TabseekError } from '../api/tabseek';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Chat } from './chat';
import type { Conversation } from './chats/conversation';
import type { Library } from './chats/library';
import type { Search } from './chats/search';
import { turnsOf } from './chats/tree';
import { Composer } from './composer';
import { DepthControls } from './depth';
import { useMarks } from './experts';
import { asTabseekError, locked } from './explain';
import { Failure } from './failure';
import { count } from './format';
import { Header } from './header';
import { languageChoice, t } from './language';
import { Consent, Loading } from './load';
import type { Loader, LoadState } from './loader';
import { Contacting, RemoteConsent, TokenForm } from './remote-panel';
import { engineOf } from './remotes';
import { useFollowEnd } from './scroll';
import { settings } from './settings';
import { useShortcuts } from './shortcuts';
import { Sidebar, Undo, useSidebar } from './sidebar';
import { StatusLine } from './status';
import { Attached, AttachButton } from './sources/attached';
import type { Shelf } from './sources/shelf';
import { useStore } from './store';
import { Examples, Welcome } from './welcome';

interface Props {
  loader: Loader;
  conversation: Conversation;
  shelf: Shelf;
  library: Library;
  search: Search;
}

export function App({ loader, conversation, shelf, library, search }: Props) {
  useStore(languageChoice);
  const load = useStore(loader.state);
  const offers = useStore(loader.offers);
  const view = useStore(conversation.view);
  const live = useStore(conversation.live);
  const interrupted = useStore(conversation.interrupted);
  const problem = useStore(library.problem);
  const dialogs = useDialogs();
  const [dialog, setDialog] = useState<'settings' | 'model' | 'shortcuts' | 'activity'>();
  const [refused, setRefused] = useState<TabseekError>();
  const sidebar = useSidebar();

  useLayoutEffect(() => void shelf.open(view.chat), [view.chat]);
  const entries = useStore(shelf.entries);

  const turns = turnsOf(view.messages, view.leaf);
  const generating = conversation.generating;
  const shown = live?.chat === view.chat ? live : undefined;
  const engine = load.kind === 'ready' ? load.engine : undefined;
  const local = engine && !engine.remote ? engine : undefined;
  useMarks(local, live);
  const offer = 'offer' in load ? load.offer : undefined;
  const ready = (signal: AbortSignal) => loader.ready(signal);
  const ask = (question: string) => {
    const problem = tooLong(question);
    setRefused(problem);
    return problem ? undefined : conversation.ask(ready, question, settings.value);
  };
  const reload = () => {
    const locks = shown?.error && locked(shown.error);
    conversation.dismissError();
    if (locks && !offer?.remote) setDialog('model'); // a model elsewhere was asked in passing: chosen there, it asks for the token
    else if (offer) void loader.load(offer);
  };
  /** Loads a packed model that was dropped, in its turn. */
  const own = async (files: File[]) => {
    setRefused(undefined);
    try {
      if (conversation.busy) throw new TabseekError('bad_request', t('modelBusy'));
      const { offerOfFiles } = await import('./own-files');
      await loader.choose((await offerOfFiles(files))!);
    } catch (e) {
      setRefused(asTabseekError(e));
    }
  };
  const newChat = () => {
    setRefused(undefined);
    conversation.clear();
    sidebar.closeIfNarrow();
    document.getElementById('prompt')?.focus();
  };
  const openChat = (id: string) => {
    sidebar.closeIfNarrow();
    void conversation.open(id);
  };

  const main = useRef<HTMLElement>(null);
  useFollowEnd(main, view, `${load.kind} ${view.chat} ${turns.length}`);
  useDocumentState(documentState(load, conversation.busy, refused ?? shown?.error));
  useShortcuts({ onStop: () => void conversation.stop(), onNewChat: newChat, onSearch: sidebar.search, onSidebar: sidebar.toggle, onHelp: () => setDialog('shortcuts') });

  return (
    <>
      <Header modelName={offer?.name ?? t('models')} leaves={offer?.remote === true} sidebar={sidebar.open} onSidebar={sidebar.toggle} onModel={() => setDialog('model')} onSettings={() => setDialog('settings')} onNewChat={newChat} />
      <div class="body">
        {sidebar.open && <Sidebar library={library} search={search} conversation={conversation} current={view.chat} onOpen={openChat} onClose={sidebar.toggle} />}
        <div class="page" inert={sidebar.covers}>
          <main ref={main}>
            {problem && <Failure error={problem} />}
            {turns.length === 0 && load.kind !== 'failed' && <Welcome offer={offer} />}
            {turns.length > 0 && (
              <Chat
                turns={turns}
                live={shown}
                interrupted={interrupted}
                context={engine?.info.context ?? 0}
                model={engine?.info.name}
                busy={generating}
                elsewhere={offers.filter((o) => o.remote === true)}
                actions={{
                  edit: canAsk(load) ? (id, question) => void conversation.edit(id, ready, question, settings.value) : undefined,
                  regenerate: canAsk(load) ? (question) => void conversation.regenerate(question, ready, settings.value) : undefined,
                  goOn: canAsk(load) && !offer?.remote ? (answer) => void conversation.goOn(answer, ready, settings.value) : undefined,
                  choose: (id) => void conversation.choose(id),
                  reload,
                  answerNow: () => conversation.answerNow(),
                  thinkLonger: () => conversation.thinkLonger(),
                  sample: engine && ((question, samples) => void conversation.regenerate(question, ready, { ...settings.value, samples })),
                  askElsewhere: (question, to, enclosed) => void conversation.regenerate(question, () => Promise.resolve(engineOf(to)), { ...settings.value, depth: undefined, enclosed }),
                }}
              />
            )}
            {turns.length === 0 && engine && <Examples onAsk={ask} />}
            <LoadPanel dialogs={dialogs} load={load} loader={loader} onModels={() => setDialog('model')} />
          </main>
          <div class="dock">
            <Undo library={library} />
            {refused && <Failure error={refused} />}
            <Attached shelf={shelf} onModel={(files) => void own(files)} />
            <Composer attach={<AttachButton shelf={shelf} />} ready={canAsk(load) && !entries.some((e) => !e.source && !e.error)} generating={generating} onSend={ask} onChange={() => setRefused(undefined)} onStop={() => void conversation.stop()} />
            <DepthControls info={engine?.info} />
            <StatusLine load={load} live={shown} turns={turns} onActivity={() => setDialog('activity')} />
          </div>
        </div>
      </div>
      {dialogs && dialog === 'settings' && <dialogs.SettingsDialog info={local?.info} library={library} chat={view.chat} onClose={() => setDialog(undefined)} />}
      {dialogs && dialog === 'activity' && <dialogs.Activity engine={local} live={shown} answer={turns.at(-1)?.answer} onClose={() => setDialog(undefined)} />}
      {dialogs && dialog === 'shortcuts' && <dialogs.ShortcutsDialog onClose={() => setDialog(undefined)} />}
      {dialogs && dialog === 'model' && (
        <dialogs.ModelDialog
          offers={offers}
          current={offer}
          engine={engine}
          onModel={(of, model) => loader.chooseModel(of, model)}
          busy={conversation.busy}
          onChoose={(chosen) => {
            setDialog(undefined);
            void loader.choose(chosen);
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
    </>
  );
}

type Dialogs = typeof import('./dialogs');

/** The dialogs, which are fetched beside the page rather than with it. */
function useDialogs(): Dialogs | undefined {
  const [dialogs, setDialogs] = useState<Dialogs>();
  useEffect(() => void import('./dialogs').then(setDialogs, () => {}), []); // without a network and not kept: there are none
  return dialogs;
}

/** What the engine could not even read is not asked, so that it stays where it was written. */
function tooLong(question: string): TabseekError | undefined {
  if (question.length < MAX_REQUEST_BYTES / 4) return undefined;
  const bytes = new TextEncoder().encode(JSON.stringify(question)).length;
  if (bytes < MAX_REQUEST_BYTES) return undefined;
  return new TabseekError('context_full', t('questionBytes', { bytes: count(bytes), limit: count(MAX_REQUEST_BYTES) }));
}

/** What stands between the user and a loaded model. */
function LoadPanel({ dialogs, load, loader, onModels }: { dialogs?: Dialogs; load: LoadState; loader: Loader; onModels: () => void }) {
  switch (load.kind) {
    case 'offered':
      if (load.offer.remote) return <RemoteConsent offer={load.offer} onChoose={() => void loader.load(load.offer)} />;
      return <Consent offer={load.offer} onLoad={() => void loader.load(load.offer)} />;
    case 'loading':
    case 'paused':
      return (
        <Loading
          offer={load.offer}
          progress={load.progress}
          paused={load.kind === 'paused'}
          onPause={() => loader.pause()}
          onResume={() => loader.resume()}
          onCancel={() => loader.cancel()}
        />
      );
    case 'contacting':
      return <Contacting offer={load.offer} onCancel={() => loader.cancel()} />;
    case 'locked':
      return <TokenForm offer={load.offer} again={load.again} onToken={(token) => loader.unlock(token)} />;
    case 'failed':
      if (!dialogs) return <Failure error={load.error} onRetry={() => loader.retry()} />;
      return <dialogs.LoadFailure offer={load.offer} error={load.error} onRetry={() => loader.retry()} onModels={onModels} />;
  }
  return null;
}

/** A question may be sent before the model is there: it is asked when it is. */
const canAsk = ({ kind }: LoadState): boolean => kind === 'checking' || kind === 'loading' || kind === 'contacting' || kind === 'ready';

type DocumentState = 'loading' | 'offered' | 'ready' | 'generating' | 'error';

/** An answer of another chat counts, too: it needs the model, and the page. */
function documentState(load: LoadState, busy: boolean, error: TabseekError | undefined): DocumentState {
  if (load.kind === 'failed') return 'error';
  if (load.kind === 'offered' || load.kind === 'paused' || load.kind === 'locked') return 'offered';
  if (load.kind !== 'ready') return 'loading';
  if (busy) return 'generating';
  return error ? 'error' : 'ready';
}

/** Tells style sheets and tests, by data-state, what the page is doing: never later than the elements that show it. */
function useDocumentState(state: DocumentState): void {
  useLayoutEffect(() => {
    document.documentElement.dataset.state = state;
  }, [state]);
}
