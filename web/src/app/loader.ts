import { load, storedModels, TabseekError, type Recovery, type Progress } from '../api/tabseek';
import { fetchOffers, needsConsent, prefer, preferred, type LocalOffer, type Offer, type RemoteOffer } from './catalogue';
import { chosenContext, examine } from './device';
import { checkEnvironment } from './environment';
import { asTabseekError, locked } from './explain';
import { recall, remember } from './kept';
import { absoluteURL, filesOf } from './own';
import { engineOf, keepToken, knownOf, learn, probe, type ChatEngine } from './remotes';
import { askToPersist } from './storage';
import { Store } from './store';

/** Where the model stands. */
export type LoadState =
  | { kind: 'checking' }
  | { kind: 'offered'; offer: Offer } // waits for the user's consent
  | { kind: 'loading'; offer: LocalOffer; progress: Progress }
  | { kind: 'paused'; offer: LocalOffer; progress: Progress } // what has come lies on this device
  | { kind: 'contacting'; offer: RemoteOffer } // its server is asked for its models
  | { kind: 'locked'; offer: RemoteOffer; again: boolean } // this page's server wants its token, or another than it was given
  | { kind: 'ready'; offer: Offer; engine: ChatEngine }
  | { kind: 'failed'; offer?: Offer; error: TabseekError };

const NOTHING_YET: Progress = { phase: 'manifest', loaded: 0, total: 0, bytesPerSecond: 0 };

/** So long the page says that all is well again. */
const RESTORED_MS = 8000;

/** A browser that gives no device is asked for one this often, so many milliseconds apart (as by host/worker.ts). */
const DEVICE_TRIES = 36;
const DEVICE_MS = 5000;

/** Loads one model at a time. */
export class Loader {
  readonly state = new Store<LoadState>({ kind: 'checking' });
  readonly offers = new Store<Offer[]>([]);
  /** What has become of a lost GPU, for as long as the user may care. */
  readonly recovery = new Store<Recovery | undefined>(undefined);
  private abort: AbortController | undefined;

  /** Checks the browser, then loads the model that was last chosen, or asks first if it is large. */
  async start(): Promise<void> {
    this.state.value = { kind: 'checking' };
    try {
      const problem = await checkEnvironment().then(() => undefined, asTabseekError);
      this.offers.value = await fetchOffers().catch((e) => {
        throw problem ?? e;
      });
      const offer = preferred(this.offers.value);
      if (offer.remote) this.state.value = { kind: 'ready', offer, engine: engineOf(offer) }; // as it was chosen before; it is asked when the user asks
      else if (problem) throw problem;
      else await this.choose(offer);
    } catch (e) {
      const failed: LoadState = { kind: 'failed', error: asTabseekError(e) };
      this.state.value = failed;
      if (failed.error.code === 'no_webgpu' && navigator.gpu) void this.awaitDevice(failed);
    }
  }

  /** Asks for a device until there is one: after a second crash browsers give none for two minutes, and a reload changes nothing about that. */
  private async awaitDevice(failed: LoadState): Promise<void> {
    const waiting: Recovery = { state: 'waiting', message: 'no GPU now; it is asked for again' };
    this.recovery.value = waiting;
    for (let i = 0; i < DEVICE_TRIES && this.state.value === failed; i++) {
      await new Promise((resolve) => setTimeout(resolve, DEVICE_MS));
      if (this.state.value !== failed || !(await checkEnvironment().then(() => true, () => false))) continue;
      this.recovery.value = undefined;
      return void this.start();
    }
    if (this.recovery.value === waiting) this.recovery.value = undefined;
  }

  /** Loads a model, or asks first if it is large. */
  async choose(offer: Offer): Promise<void> {
    if (offer.remote) return this.contact(offer);
    prefer(offer);
    if (filesOf(offer) || (await isStored(offer))) return this.load(offer);
    this.release();
    const abort = (this.abort = new AbortController());
    this.state.value = { kind: 'checking' };
    // A device whose kernels the server names is known to it.
    const problem = offer.profile ? undefined : await examine().then(() => undefined, asTabseekError);
    if (this.abort !== abort) return; // another was chosen meanwhile
    // What else is wrong, loading finds out.
    if (problem?.code === 'wrong_results') this.state.value = { kind: 'failed', offer, error: problem };
    else if (!needsConsent(offer) || hasConsent(offer)) await this.load(offer);
    else this.state.value = { kind: 'offered', offer };
  }

  /** Loads a model in place of the one that is loaded or loading. */
  async load(offer: Offer): Promise<void> {
    if (offer.remote) return this.contact(offer);
    this.release();
    rememberConsent(offer, true);
    const abort = (this.abort = new AbortController());
    const show = (state: LoadState) => {
      if (this.abort === abort) this.state.value = state;
    };
    show({ kind: 'loading', offer, progress: NOTHING_YET });
    try {
      const onProgress = (progress: Progress) => {
        if (progress.phase === 'download') void askToPersist();
        show({ kind: 'loading', offer, progress });
      };
      const engine = await load(offer.url, { sha256: offer.sha256, profile: offer.profile, files: filesOf(offer), context: chosenContext(offer), onRecovery: (r) => this.tell(r), onProgress, signal: abort.signal });
      rememberConsent(offer, false); // it lies here; another time is another download
      show({ kind: 'ready', offer, engine });
    } catch (e) {
      const error = asTabseekError(e);
      show(error.code === 'aborted' ? { kind: 'offered', offer } : { kind: 'failed', offer, error });
    }
  }

  /** Asks a server elsewhere for its models, and takes the one that was chosen before, or its first. */
  private async contact(offer: RemoteOffer, again = false): Promise<void> {
    this.release();
    const abort = (this.abort = new AbortController());
    const show = (state: LoadState) => {
      if (this.abort === abort) this.state.value = state;
    };
    show({ kind: 'contacting', offer });
    const engine = engineOf(offer);
    abort.signal.addEventListener('abort', () => void engine.unload());
    try {
      const models = await engine.models();
      if (abort.signal.aborted) return;
      const known = models.some((m) => m.id === knownOf(offer).model);
      learn(offer, { models, ...(!known && { model: models[0]?.id }) });
      prefer(offer);
      this.take(offer);
    } catch (e) {
      const error = asTabseekError(e);
      if (error.code === 'aborted') show({ kind: 'offered', offer });
      else if (locked(error)) show({ kind: 'locked', offer, again });
      else show({ kind: 'failed', offer, error });
    }
  }

  /** Another of a server's models. */
  chooseModel(offer: RemoteOffer, model: string): void {
    learn(offer, { model });
    this.release();
    this.take(offer);
  }

  private take(offer: RemoteOffer): void {
    const engine = engineOf(offer);
    this.state.value = { kind: 'ready', offer, engine };
    void probe(offer, engine);
  }

  /** Tries once more, with the token that this page's server wants. */
  unlock(token: string): void {
    const state = this.state.value;
    if (state.kind !== 'locked') return;
    keepToken(token);
    void this.contact(state.offer, true);
  }

  private tell(recovery: Recovery): void {
    this.recovery.value = recovery;
    if (recovery.state !== 'restored') return;
    setTimeout(() => this.recovery.value === recovery && (this.recovery.value = undefined), RESTORED_MS);
  }

  /** The engine as soon as there is one; rejects if the signal comes first. */
  ready(signal: AbortSignal): Promise<ChatEngine> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const state = this.state.value;
        if (state.kind !== 'ready' && !signal.aborted) return;
        unfollow();
        signal.removeEventListener('abort', check);
        if (state.kind === 'ready') resolve(state.engine);
        else reject(new TabseekError('aborted', 'it was stopped before the model was ready'));
      };
      const unfollow = this.state.follow(check);
      signal.addEventListener('abort', check);
      check();
    });
  }

  /** Ends the connections. What has come stays on this device, where resuming finds it. */
  pause(): void {
    const state = this.state.value;
    if (state.kind !== 'loading') return;
    this.release();
    rememberConsent(state.offer, false); // another visit does not go on unasked
    this.state.value = { ...state, kind: 'paused' };
  }

  resume(): void {
    const state = this.state.value;
    if (state.kind === 'paused') void this.load(state.offer);
  }

  /** Stops loading; what is offered stays offered. */
  cancel(): void {
    const state = this.state.value;
    if (state.kind === 'paused' || state.kind === 'loading') rememberConsent(state.offer, false);
    if (state.kind === 'paused') this.state.value = { kind: 'offered', offer: state.offer };
    this.abort?.abort();
  }

  /** Tries what failed once more. */
  retry(): void {
    const state = this.state.value;
    if (!('offer' in state) || !state.offer) void this.start();
    else if (state.kind === 'failed' && state.error.code === 'wrong_results') void this.choose(state.offer); // which examines the device anew
    else void this.load(state.offer);
  }

  private release(): void {
    const state = this.state.value;
    // An engine whose GPU is lost may never answer, so nobody waits for it.
    if (state.kind === 'ready') void state.engine.unload().catch(() => {});
    this.recovery.value = undefined;
    this.abort?.abort();
    this.abort = undefined; // what it was for has no more say
  }
}

const CONSENTED = 'tabseek.consented';

const consented = (): string[] => (recall(CONSENTED) ?? '').split('\n').filter(Boolean);

/** Whether the user has wanted its download, which then goes on after the tab was closed. */
const hasConsent = ({ url }: LocalOffer): boolean => consented().includes(url);

function rememberConsent({ url }: LocalOffer, given: boolean): void {
  remember(CONSENTED, [...consented().filter((u) => u !== url), ...(given ? [url] : [])].join('\n'));
}

/** Nothing needs to be downloaded for it. */
async function isStored(offer: LocalOffer): Promise<boolean> {
  const models = await storedModels().catch(() => []);
  return models.some((m) => m.url === absoluteURL(offer) && m.stored >= offer.size);
}
