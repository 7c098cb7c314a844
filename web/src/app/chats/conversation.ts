import type { Chunks, CompletionRequest, Message as RequestMessage, StrategyRequest } from '../../api/tabseek';
import { asTabseekError } from '../explain';
import { fitting, type ChatEngine } from '../remotes';
import { samplesOf, type Settings } from '../settings';
import { promptOf } from '../sources/prompt';
import type { Shelf } from '../sources/shelf';
import { Store } from '../store';
import { AnswerStream, type Live } from './answer';
import type { Library } from './library';
import { whenAbandoned, whileAnswering } from './presence';
import { newID, titleOf, type Chat, type Message } from './record';
import { Throttle } from './throttle';
import { newestLeaf, pathTo, type Messages } from './tree';

/** Text reaches the page at most this often. */
const FLUSH_MS = 50;

/** And the disk this often. */
const SAVE_MS = 1000;

/** The chat that is open. */
export interface View {
  /** None: it is new, and becomes one with the first question. */
  chat?: string;
  messages: Messages;
  /** The last message of the branch that is shown. */
  leaf?: string;
}

const NEW: View = { messages: new Map() };

/** The user's choices for one answer. */
export interface Choices extends Settings {
  /** So many samples, whatever the depth. */
  samples?: number;
  /** What is told with the question, though it is not part of it. */
  enclosed?: string;
}

/** Waits for the model. */
export type Ready = (signal: AbortSignal) => Promise<ChatEngine>;

/** The open chat, and the one answer that is being generated, in it or in another. */
export class Conversation {
  readonly view = new Store<View>(NEW);
  readonly live = new Store<Live | undefined>(undefined);
  /** Unfinished answers of the open chat that no tab writes any more. */
  readonly interrupted = new Store<ReadonlySet<string>>(new Set());
  private readonly watched = new Set<string>();
  private stream: AnswerStream | undefined;
  /** The answer that has been written as a whole. */
  private kept: AnswerStream | undefined;
  private abort: AbortController | undefined;
  /** Of the answer under way, or of the last. */
  private chunks: Chunks | undefined;
  private running: Promise<void> = Promise.resolve();
  /** New messages that are on their way to the disk. */
  private unwritten: Message[] = [];

  constructor(
    private readonly library: Library,
    private readonly shelf: Shelf,
  ) {
    library.onForeignChange = (chat) => {
      if (!chat || chat === this.view.value.chat) void this.refresh();
    };
  }

  /** Whether an answer of the open chat is under way. */
  get generating(): boolean {
    return this.busy && this.live.value!.chat === this.view.value.chat;
  }

  /** Whether an answer is under way, in whichever chat. */
  get busy(): boolean {
    const live = this.live.value;
    return live !== undefined && live.stage !== 'done';
  }

  /** Opens the chat that was open before, or the newest. */
  async start(): Promise<void> {
    await this.library.readChats();
    const last = rememberedChat();
    const chats = this.library.chats.value;
    const chat = last === undefined ? chats[0] : chats.find((c) => c.id === last);
    // Somebody who has already asked something is not taken away from it.
    if (chat && this.view.value.messages.size === 0) await this.open(chat.id);
  }

  /** Shows a chat; an answer that is under way elsewhere goes on. */
  async open(id: string): Promise<void> {
    const messages = await this.read(id);
    const chat = this.library.chats.value.find((c) => c.id === id);
    if (!chat) return;
    this.setView({ chat: id, messages, leaf: messages.has(chat.leaf) ? chat.leaf : newestOf(messages) });
  }

  /** Begins a new chat. */
  clear(): void {
    this.setView(NEW);
    this.interrupted.value = new Set();
  }

  /** Puts a question at the end of the branch. Resolves when it is kept. */
  async ask(ready: Ready, question: string, settings: Settings): Promise<void> {
    await this.askAfter(this.view.value.leaf ?? null, ready, question, settings);
  }

  /** Puts another question in the place of one. */
  async edit(id: string, ready: Ready, question: string, settings: Settings): Promise<void> {
    await this.askAfter(this.view.value.messages.get(id)!.parent, ready, question, settings);
  }

  /** Answers a question once more; the answer before stays, as another branch. */
  async regenerate(question: string, ready: Ready, settings: Choices): Promise<void> {
    await this.stop();
    const chat = this.view.value.chat!;
    const answer = emptyAnswer(chat, question);
    await this.begin(chat, {}, [answer], ready, settings);
  }

  /** Goes on with an answer that was stopped, cut off or interrupted. */
  async goOn(answer: string, ready: Ready, settings: Settings): Promise<void> {
    await this.stop();
    const { chat, messages } = this.view.value;
    this.interrupted.value = new Set([...this.interrupted.value].filter((id) => id !== answer));
    const { panel, ...begun } = messages.get(answer)!; // what was made of several is made anew
    await this.begin(chat!, {}, [{ ...begun, finish: null, ...(panel && { content: '', reasoning: undefined }) }], ready, settings);
  }

  /** Shows the newest branch below a message. */
  async choose(id: string): Promise<void> {
    const { chat, messages } = this.view.value;
    const leaf = newestLeaf(messages, id);
    this.setView({ ...this.view.value, leaf });
    await this.library.write(chat!, { leaf });
  }

  /** Ends what goes on in a chat that is to be deleted, and closes it. */
  async leave(chat: string): Promise<void> {
    if (this.stream?.message.chat === chat) await this.stop();
    if (this.view.value.chat === chat) this.clear();
  }

  /** Ends the answer; what it has so far stays. Resolves when that is kept. */
  async stop(): Promise<void> {
    this.abort?.abort();
    await this.running;
  }

  /** The answer under way ends its thinking. */
  answerNow(): void {
    this.chunks?.answerNow();
  }

  /** It thinks on where it would end its thinking. */
  thinkLonger(): void {
    this.chunks?.thinkLonger();
  }

  /** The last answer's error is dealt with: what came before it counts as stopped. */
  dismissError(): void {
    if (this.live.value?.error) this.live.value = undefined;
  }

  private async askAfter(parent: string | null, ready: Ready, text: string, settings: Settings): Promise<void> {
    await this.stop();
    const now = Date.now();
    const id = this.view.value.chat ?? newID();
    const question: Message = { id: newID(), chat: id, parent, role: 'user', created_at: now, content: text };
    const created: Partial<Chat> = this.view.value.chat ? {} : { id, title: titleOf(text), created_at: now, pinned: false, system: settings.system ?? '' };
    await this.begin(id, { ...created, updated_at: now }, [question, emptyAnswer(id, question.id)], ready, settings);
  }

  /** Shows and keeps new messages, the last of which is an answer to be generated. Resolves when they are kept. */
  private async begin(chat: string, change: Partial<Chat>, added: Message[], ready: Ready, settings: Choices): Promise<void> {
    const answer = added.at(-1)!;
    const stream = (this.stream = new AnswerStream(answer));
    const abort = (this.abort = new AbortController());
    const messages = new Map(this.view.value.messages);
    for (const m of added) messages.set(m.id, m);
    this.live.value = stream.live;
    this.setView({ chat, messages, leaf: answer.id });
    const system = change.system ?? this.library.chats.value.find((c) => c.id === chat)?.system;
    const path = pathTo(messages, answer.id);
    void this.shelf.adopt(chat);
    await new Promise<void>((kept) => {
      this.running = whileAnswering(answer.id, async () => {
        const written = this.library.write(chat, { ...change, updated_at: Date.now(), leaf: answer.id }, added, true);
        this.unwritten = added;
        void written.then(() => {
          if (this.unwritten === added) this.unwritten = [];
          kept();
        });
        await this.generate(stream, ready, (engine) => this.request(path, engine, system, settings), abort.signal, written);
      });
    });
  }

  private async generate(stream: AnswerStream, ready: Ready, request: (engine: ChatEngine) => Promise<CompletionRequest>, signal: AbortSignal, written: Promise<void>): Promise<void> {
    const paint = new Throttle<AnswerStream>(FLUSH_MS, (s) => this.paint(s));
    const saver = new Saver(this.library, written);
    const show = () => {
      paint.offer(stream);
      saver.offer(stream.snapshot);
    };
    const saveIfHidden = () => document.hidden && saver.flush();
    document.addEventListener('visibilitychange', saveIfHidden);
    try {
      const engine = await ready(signal);
      stream.message = { ...stream.message, model: engine.info.name };
      stream.read();
      show();
      const onPrefill = (done: number, total: number) => {
        stream.read(done, total);
        show();
      };
      const wanted = await fitting(engine, await request(engine));
      if (typeof wanted.strategy === 'object') stream.divide(wanted.strategy.mode, wanted.strategy.n!);
      const chunks = await engine.chat.completions.create({ ...wanted, stream: true, signal, onPrefill });
      if (!engine.remote) stream.steerable();
      this.chunks = chunks;
      for await (const chunk of chunks) {
        stream.add(chunk);
        show();
      }
    } catch (e) {
      const error = asTabseekError(e);
      if (error.code === 'aborted') stream.stop();
      else stream.fail(error);
    }
    document.removeEventListener('visibilitychange', saveIfHidden);
    paint.finish(stream);
    await saver.finish(stream.message);
    this.kept = stream;
  }

  /** What the model is asked, with what the chat's files give to a question that has not been asked before. */
  private async request(path: Message[], engine: ChatEngine, system: string | undefined, settings: Choices): Promise<CompletionRequest> {
    const question = path.at(-2)!;
    const included = question.included ?? (await this.shelf.include(path, engine));
    const answered = { ...requestOf(path, system, settings), ...strategyOf(path.at(-1)!, engine, settings) };
    if (included.length === 0 || question.included) return answered;
    const told = { ...question, included };
    const view = this.view.value;
    if (view.chat === told.chat) this.view.value = { ...view, messages: new Map(view.messages).set(told.id, told) };
    await this.library.write(told.chat, {}, [told]);
    return { ...answered, ...requestOf(path.with(-2, told), system, settings) };
  }

  private paint({ message, live }: AnswerStream): void {
    this.live.value = live;
    const view = this.view.value;
    if (view.chat === message.chat) this.view.value = { ...view, messages: new Map(view.messages).set(message.id, message) };
  }

  private setView(view: View): void {
    this.view.value = view;
    rememberChat(view.chat);
    this.watch();
  }

  /** The open chat's messages as another tab has left them, at the end of the branch if this tab was there. */
  private async refresh(): Promise<void> {
    const { chat: id, leaf } = this.view.value;
    if (!id) return;
    const messages = await this.read(id);
    if (this.view.value.chat !== id) return;
    const chat = this.library.chats.value.find((c) => c.id === id);
    if (!chat) return this.clear();
    const follows = !this.generating && pathTo(messages, chat.leaf).some((m) => m.id === leaf);
    this.setView({ chat: id, messages, leaf: follows ? chat.leaf : leaf });
  }

  /** A chat's messages, with what is not written yet, and an answer that was not when the reading began as it is here. */
  private async read(id: string): Promise<Map<string, Message>> {
    const unkept = this.stream === this.kept ? undefined : this.stream;
    const messages = new Map((await this.library.messages(id)).map((m) => [m.id, m]));
    for (const m of this.unwritten) if (m.chat === id && !messages.has(m.id)) messages.set(m.id, m);
    for (const stream of [unkept, this.stream === this.kept ? undefined : this.stream]) {
      if (stream?.message.chat === id) messages.set(stream.message.id, stream.message);
    }
    return messages;
  }

  /** Finds out which unfinished answers nobody writes any more. */
  private watch(): void {
    for (const m of this.view.value.messages.values()) {
      if (m.finish !== null || m.id === this.live.value?.id || this.watched.has(m.id)) continue;
      this.watched.add(m.id);
      void whenAbandoned(m.id).then(() => this.abandoned(m));
    }
  }

  private async abandoned({ id, chat }: Message): Promise<void> {
    this.watched.delete(id);
    const now = (await this.library.messages(chat)).find((m) => m.id === id);
    const { chat: open, messages } = this.view.value;
    if (!now || open !== chat || this.live.value?.id === id) return;
    this.view.value = { ...this.view.value, messages: new Map(messages).set(id, now) };
    if (now.finish === null) this.interrupted.value = new Set([...this.interrupted.value, id]);
  }
}

/** What the model gets to see of a branch that ends in the answer to come. Of earlier turns the reasoning is not part of it, nor are answers that never came. */
function requestOf(path: Message[], system: string | undefined, settings: Choices): CompletionRequest {
  const { system: _, watts: _watts, price: _price, depth: _depth, samples: _samples, logprobs, enclosed, ...params } = settings;
  const messages: RequestMessage[] = system ? [{ role: 'system', content: system }] : [];
  const answer = path.at(-1)!;
  const asked = path.length - 2;
  path.slice(0, -1).forEach((m, i) => {
    const counts = m.role === 'user' ? i === asked || path[i + 1]!.content : m.content;
    if (counts) messages.push({ role: m.role, content: promptOf(m.content, m.included) + (enclosed && i === asked ? `\n\n${enclosed}` : '') });
  });
  if (answer.content || answer.reasoning) messages.push({ role: 'assistant', content: answer.content, reasoning_content: answer.reasoning });
  return { messages, ...params, ...(logprobs && { logprobs: true, top_logprobs: 5 }) };
}

/** How many answers a new one is made of. What is begun has one end. */
function strategyOf({ content, reasoning }: Message, engine: ChatEngine, { depth, samples }: Choices): { strategy?: StrategyRequest } {
  if (content || reasoning) return {};
  const n = samples ?? (depth && samplesOf(depth, engine.info));
  return n ? { strategy: { mode: 'vote', n } } : {};
}

const emptyAnswer = (chat: string, question: string): Message => ({ id: newID(), chat, parent: question, role: 'assistant', created_at: Date.now(), content: '', finish: null });

const newestOf = (messages: Messages): string | undefined => [...messages.values()].sort((a, b) => a.created_at - b.created_at).at(-1)?.id;

/** Keeps an answer while it grows: one write at a time, each with the newest text. */
class Saver {
  private readonly throttle = new Throttle<Message>(SAVE_MS, (m) => this.save(m, false));

  constructor(
    private readonly library: Library,
    private last: Promise<void>,
  ) {}

  offer(message: Message): void {
    this.throttle.offer(message);
  }

  flush(): void {
    this.throttle.flush();
  }

  async finish(message: Message): Promise<void> {
    this.throttle.drop();
    this.save(message, true);
    await this.last;
  }

  private save(message: Message, durable: boolean): void {
    const change = durable ? { updated_at: Date.now() } : {};
    this.last = this.last.then(() => this.library.write(message.chat, change, [message], durable));
  }
}

const KEY = 'tabseek.chat';

/** The chat this tab had open: '' is a new one, undefined that it is a new tab. */
function rememberedChat(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

function rememberChat(id = ''): void {
  try {
    sessionStorage.setItem(KEY, id);
  } catch {
    // a browser that blocks storage opens the newest chat
  }
}
