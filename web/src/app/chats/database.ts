// Chats in IndexedDB. Every change is one transaction, so that a tab that dies leaves either all of it or nothing, and
// several tabs may write at the same time.

import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { ChatError, type Chat, type ChatRecord, type Message } from './record';

const NAME = 'tabseek-chats';
const VERSION = 1;

interface Schema extends DBSchema {
  chats: { key: string; value: Chat };
  messages: { key: string; value: Message; indexes: { chat: string } };
}

/** Where chats are kept. */
export interface ChatDatabase {
  chats(): Promise<Chat[]>;
  messages(chat: string): Promise<Message[]>;
  everything(): Promise<{ chats: Chat[]; messages: Message[] }>;
  /** Puts messages into a chat and changes it; a chat that is not there is made, if `chat` is all of it. Tells whether it is there. */
  write(id: string, chat: Partial<Chat>, messages: Message[], durable?: boolean): Promise<boolean>;
  /** Removes a chat and returns what it was. */
  remove(id: string): Promise<ChatRecord | undefined>;
  /** Puts whole chats in, all or none. What is there already and newer, or complete, stays. */
  insert(records: ChatRecord[]): Promise<void>;
  removeAll(): Promise<void>;
}

/** Opens the store. One of a later version is left as it is, with store_newer. */
export async function openDatabase(onOutdated: () => void): Promise<ChatDatabase> {
  try {
    const db = await openDB<Schema>(NAME, VERSION, {
      upgrade(db) {
        db.createObjectStore('chats', { keyPath: 'id' });
        db.createObjectStore('messages', { keyPath: 'id' }).createIndex('chat', 'chat');
      },
      // A later version of the page, in another tab, wants to change the store: it must not wait for this tab.
      blocking(_current, _wanted, event) {
        (event.target as IDBDatabase).close();
        onOutdated();
      },
    });
    return new Stored(db);
  } catch (e) {
    const { name, message } = e as DOMException;
    if (name === 'VersionError') throw new ChatError('store_newer', message);
    throw new ChatError('store_failed', message);
  }
}

class Stored implements ChatDatabase {
  constructor(private readonly db: IDBPDatabase<Schema>) {}

  chats(): Promise<Chat[]> {
    return this.db.getAll('chats');
  }

  messages(chat: string): Promise<Message[]> {
    return this.db.getAllFromIndex('messages', 'chat', chat);
  }

  async everything(): Promise<{ chats: Chat[]; messages: Message[] }> {
    const tx = this.db.transaction(['chats', 'messages']);
    const [chats, messages] = await Promise.all([tx.objectStore('chats').getAll(), tx.objectStore('messages').getAll()]);
    return { chats, messages };
  }

  async write(id: string, chat: Partial<Chat>, messages: Message[], durable = false): Promise<boolean> {
    const tx = this.db.transaction(['chats', 'messages'], 'readwrite', { durability: durable ? 'strict' : 'relaxed' });
    const before = await tx.objectStore('chats').get(id);
    const after = { ...before, ...chat };
    const there = isWhole(after);
    if (there) await Promise.all([tx.objectStore('chats').put(after), ...messages.map((m) => tx.objectStore('messages').put(m))]);
    await tx.done;
    return there;
  }

  async remove(id: string): Promise<ChatRecord | undefined> {
    const tx = this.db.transaction(['chats', 'messages'], 'readwrite', { durability: 'strict' });
    const stores = { chats: tx.objectStore('chats'), messages: tx.objectStore('messages') };
    const [chat, messages] = await Promise.all([stores.chats.get(id), stores.messages.index('chat').getAll(id)]);
    await Promise.all([stores.chats.delete(id), ...messages.map((m) => stores.messages.delete(m.id))]);
    await tx.done;
    return chat && { chat, messages };
  }

  async insert(records: ChatRecord[]): Promise<void> {
    const tx = this.db.transaction(['chats', 'messages'], 'readwrite', { durability: 'strict' });
    const stores = { chats: tx.objectStore('chats'), messages: tx.objectStore('messages') };
    const insertRecord = async ({ chat, messages }: ChatRecord) => {
      const before = await stores.chats.get(chat.id);
      if (!before || before.updated_at < chat.updated_at) await stores.chats.put(chat);
      for (const m of messages) {
        const there = await stores.messages.get(m.id);
        if (there && there.chat !== m.chat) throw new ChatError('bad_import', `message ${m.id} of the file is part of another chat here`);
        if (!there || there.finish === null) await stores.messages.put(m);
      }
    };
    try {
      for (const record of records) await insertRecord(record);
    } catch (e) {
      tx.abort();
      await tx.done.catch(() => {});
      throw e;
    }
    await tx.done;
  }

  async removeAll(): Promise<void> {
    const tx = this.db.transaction(['chats', 'messages'], 'readwrite', { durability: 'strict' });
    await Promise.all([tx.objectStore('chats').clear(), tx.objectStore('messages').clear(), tx.done]);
  }
}

const isWhole = (chat: Partial<Chat>): chat is Chat => chat.created_at !== undefined;

/** Chats for as long as the tab lives, where the browser keeps none. */
export class Unsaved implements ChatDatabase {
  private readonly records = new Map<string, { chat: Chat; messages: Map<string, Message> }>();

  async chats(): Promise<Chat[]> {
    return [...this.records.values()].map((r) => r.chat);
  }

  async messages(chat: string): Promise<Message[]> {
    return [...(this.records.get(chat)?.messages.values() ?? [])];
  }

  async everything(): Promise<{ chats: Chat[]; messages: Message[] }> {
    return { chats: await this.chats(), messages: [...this.records.values()].flatMap((r) => [...r.messages.values()]) };
  }

  async write(id: string, chat: Partial<Chat>, messages: Message[]): Promise<boolean> {
    const before = this.records.get(id);
    const after = { ...before?.chat, ...chat };
    if (!isWhole(after)) return false;
    const all = before?.messages ?? new Map<string, Message>();
    for (const m of messages) all.set(m.id, m);
    this.records.set(id, { chat: after, messages: all });
    return true;
  }

  async remove(id: string): Promise<ChatRecord | undefined> {
    const record = this.records.get(id);
    this.records.delete(id);
    return record && { chat: record.chat, messages: [...record.messages.values()] };
  }

  async insert(records: ChatRecord[]): Promise<void> {
    for (const { chat, messages } of records) this.records.set(chat.id, { chat, messages: new Map(messages.map((m) => [m.id, m])) });
  }

  async removeAll(): Promise<void> {
    this.records.clear();
  }
}
