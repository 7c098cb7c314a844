import { Store } from '../store';
import { openDatabase, Unsaved, type ChatDatabase } from './database';
import { ChatError, type Chat, type ChatRecord, type Message } from './record';

/** What a tab tells the others after a change. */
interface Change {
  /** All, if none is named. */
  chat?: string;
}

/** All chats there are, in this tab and in others. */
export class Library {
  /** Newest first. */
  readonly chats = new Store<Chat[]>([]);
  /** Why chats are not kept, or could not be changed. */
  readonly problem = new Store<ChatError | undefined>(undefined);
  /** The chat deleted last, which can still be had back. */
  readonly deleted = new Store<ChatRecord | undefined>(undefined);
  /** Called when another tab has changed a chat, or all. */
  onForeignChange: (chat?: string) => void = () => {};
  /** Called after every change, with the chat it was in, or none if it concerns all. */
  readonly changed = new Set<(chat?: string) => void>();

  private readonly database: Promise<ChatDatabase>;
  private readonly channel = new BroadcastChannel('tabseek-chats');

  constructor() {
    this.database = openDatabase(() => this.fail(new ChatError('store_newer', 'another tab has a later version of this page'))).catch((e: ChatError) => {
      this.fail(e);
      return new Unsaved();
    });
    this.channel.onmessage = ({ data }: MessageEvent<Change>) => void this.readChats().then(() => this.notice(data.chat, true));
  }

  async readChats(): Promise<void> {
    const chats = await this.attempt((db) => db.chats());
    if (chats) this.chats.value = chats.sort(newestFirst);
  }

  async messages(chat: string): Promise<Message[]> {
    return (await this.attempt((db) => db.messages(chat))) ?? [];
  }

  async everything(): Promise<ChatRecord[]> {
    const all = await (await this.database).everything();
    const records = new Map(all.chats.map((chat) => [chat.id, { chat, messages: [] as Message[] }]));
    for (const m of all.messages) records.get(m.chat)?.messages.push(m);
    return [...records.values()];
  }

  async record(id: string): Promise<ChatRecord | undefined> {
    const chat = this.chats.value.find((c) => c.id === id);
    return chat && { chat, messages: await this.messages(id) };
  }

  /** Keeps messages of a chat and changes to it. Durable: it is on the disk before this resolves. */
  async write(id: string, change: Partial<Chat>, messages: Message[] = [], durable = false): Promise<void> {
    this.show(id, change);
    const there = await this.attempt((db) => db.write(id, change, messages, durable));
    if (there) this.tell(id);
  }

  async remove(id: string): Promise<void> {
    this.deleted.value = await this.attempt((db) => db.remove(id));
    this.chats.value = this.chats.value.filter((c) => c.id !== id);
    this.tell(id);
  }

  /** Has the chat back that was deleted last. */
  async restore(): Promise<void> {
    const record = this.deleted.value;
    this.deleted.value = undefined;
    if (record) await this.insert([record]);
  }

  /** Puts whole chats in, or throws and changes nothing. */
  async insert(records: ChatRecord[]): Promise<void> {
    try {
      await (await this.database).insert(records);
    } catch (e) {
      throw e instanceof ChatError ? e : new ChatError('store_failed', messageOf(e));
    }
    await this.readChats();
    this.tell();
  }

  async removeAll(): Promise<void> {
    await this.attempt((db) => db.removeAll());
    await this.readChats();
    this.tell();
  }

  private show(id: string, change: Partial<Chat>): void {
    const before = this.chats.value.find((c) => c.id === id);
    if (!before && change.created_at === undefined) return;
    const chat = { ...before, ...change } as Chat;
    this.chats.value = [...this.chats.value.filter((c) => c.id !== id), chat].sort(newestFirst);
  }

  private tell(chat?: string): void {
    this.channel.postMessage({ chat } satisfies Change);
    this.notice(chat, false);
  }

  private notice(chat: string | undefined, foreign: boolean): void {
    for (const listener of this.changed) listener(chat);
    if (foreign) this.onForeignChange(chat);
  }

  private async attempt<R>(work: (db: ChatDatabase) => Promise<R>): Promise<R | undefined> {
    try {
      return await work(await this.database);
    } catch (e) {
      this.fail(new ChatError('store_failed', messageOf(e)));
      return undefined;
    }
  }

  /** The first problem is the cause of those that follow. */
  private fail(problem: ChatError): void {
    this.problem.value ??= problem;
  }
}

const newestFirst = (a: Chat, b: Chat): number => b.updated_at - a.updated_at || (a.id < b.id ? -1 : 1);
const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));
