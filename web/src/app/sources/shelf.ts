// The files of chats, each with the index of its passages, in IndexedDB. Nothing of them leaves this device but with a question.

import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { newID, type Chat, type Included, type Message } from '../chats/record';
import type { ChatEngine } from '../remotes';
import { Store } from '../store';
import { nameOf, SourceError, textOf } from './extract';
import { passagesOf } from './passages';
import { guessTokens, promptOf } from './prompt';

/** A file that a chat has. */
export interface Source {
  id: string;
  chat: string;
  name: string;
  /** Bytes of the file. */
  size: number;
  text: string;
  /** Of its passages (ranking.ts). */
  index: string;
  created_at: number;
}

/** A file of the open chat, or one that is being read. */
export interface Entry {
  id: string;
  name: string;
  size: number;
  error?: SourceError['reason'];
  source?: Source;
}

interface Schema extends DBSchema {
  sources: { key: string; value: Source; indexes: { chat: string } };
}

/** Files of a chat. */
const MAX_FILES = 20;
/** Positions of a model that does not tell. */
const CONTEXT = 8192;
/** The part of the context that files may take, and the most passages. */
const SHARE = 0.5;
const MAX_PASSAGES = 8;

export class Shelf {
  /** Of the open chat. */
  readonly entries = new Store<Entry[]>([]);
  private chat: string | undefined;
  private database: Promise<IDBPDatabase<Schema>> | undefined;

  /** Shows the files of a chat; those of a new one are its own from its first question on. */
  async open(chat: string | undefined): Promise<void> {
    if (chat === this.chat) return;
    this.chat = chat;
    this.entries.value = [];
    const sources = chat === undefined ? [] : await this.sourcesOf(chat);
    if (this.chat === chat) this.entries.value = sources.map(({ id, name, size, ...source }) => ({ id, name, size, source: { id, name, size, ...source } }));
  }

  /** The new chat has become one: its files go with it. */
  async adopt(chat: string): Promise<void> {
    if (this.chat !== undefined) return;
    this.chat = chat;
    await Promise.all(this.entries.value.map(({ source }) => source && this.put(source)));
  }

  async add(files: Iterable<File>): Promise<void> {
    await Promise.all([...files].map((file) => this.addOne(file)));
  }

  private async addOne(file: File): Promise<void> {
    const entry: Entry = { id: newID(), name: nameOf(file.name), size: file.size };
    const full = this.entries.value.filter((e) => !e.error).length >= MAX_FILES;
    this.entries.value = [...this.entries.value, entry];
    try {
      if (full) throw new SourceError('sourceTooMany');
      const text = await textOf(file);
      const { indexOf } = await import('./ranking');
      const source: Source = { ...entry, chat: this.chat ?? '', text, index: await indexOf(passagesOf(text)), created_at: Date.now() };
      if (!this.change(entry.id, { source })) return;
      if (this.chat !== undefined) await this.put(source);
    } catch (e) {
      this.change(entry.id, { error: e instanceof SourceError ? e.reason : 'sourceNotText' });
    }
  }

  /** False if it is there no longer. */
  private change(id: string, change: Partial<Entry>): boolean {
    const there = this.entries.value.some((e) => e.id === id);
    this.entries.value = this.entries.value.map((e) => (e.id === id ? { ...e, ...change } : e));
    return there;
  }

  async remove(id: string): Promise<void> {
    this.entries.value = this.entries.value.filter((e) => e.id !== id);
    await this.attempt((db) => db.delete('sources', id));
  }

  /** Whether a file is still being read. */
  get reading(): boolean {
    return this.entries.value.some((e) => !e.source && !e.error);
  }

  /**
   * What the chat's files give to a question, the last message but one of a branch: each file whole that fits and was not told before,
   * and of the others the passages that speak of it.
   */
  async include(path: Message[], engine: ChatEngine): Promise<Included[]> {
    const question = path.at(-2)!;
    const sources = this.chat === question.chat ? this.entries.value.flatMap((e) => e.source ?? []) : await this.sourcesOf(question.chat);
    const told = path.slice(0, -2).flatMap((m) => m.included ?? []);
    const left = sources.filter((s) => !told.some((i) => i.source === s.id && i.number === undefined));
    if (left.length === 0) return [];
    const vocabulary = engine.remote ? undefined : engine.info.vocab_size;
    const count = (text: string) => guessTokens(text, vocabulary);
    let room = SHARE * (engine.info.context || CONTEXT) - path.reduce((sum, m) => sum + count(promptOf(m.content, m.included)), 0);
    const included: Included[] = [];
    const large: Source[] = [];
    for (const source of left) {
      const tokens = count(source.text);
      if (tokens > room) large.push(source);
      else included.push({ source: source.id, name: source.name, text: source.text });
      if (tokens <= room) room -= tokens;
    }
    if (large.length === 0) return included;
    const first = 1 + Math.max(0, ...told.map((i) => i.number ?? 0));
    return [...included, ...(await bestPassages(large, question.content, room, count)).map((p, i) => ({ ...p, number: first + i }))];
  }

  /** Forgets the files of chats that are gone. Where there are no chats, perhaps they could not be read. */
  async sweep(chats: Chat[]): Promise<void> {
    const there = new Set(chats.map((c) => c.id));
    if (there.size === 0) return;
    await this.attempt(async (db) => {
      for (const source of await db.getAll('sources')) if (!there.has(source.chat)) await db.delete('sources', source.id);
    });
  }

  private async put(source: Source): Promise<void> {
    await this.attempt((db) => db.put('sources', { ...source, chat: this.chat! }));
  }

  private async sourcesOf(chat: string): Promise<Source[]> {
    const sources = (await this.attempt((db) => db.getAllFromIndex('sources', 'chat', chat))) ?? [];
    return sources.sort((a, b) => a.created_at - b.created_at);
  }

  /** A browser that keeps nothing has them for as long as the page. */
  private async attempt<R>(work: (db: IDBPDatabase<Schema>) => Promise<R>): Promise<R | undefined> {
    try {
      this.database ??= openDB<Schema>('tabseek-sources', 1, {
        upgrade(db) {
          db.createObjectStore('sources', { keyPath: 'id' }).createIndex('chat', 'chat');
        },
      });
      return await work(await this.database);
    } catch {
      return undefined;
    }
  }
}

/** The passages that speak of a question, best first, of all files together; as many as there is room for. */
async function bestPassages(sources: Source[], question: string, room: number, count: (text: string) => number): Promise<Included[]> {
  const { search } = await import('./ranking');
  const hits = sources.flatMap((source) => search(source.index, question).slice(0, MAX_PASSAGES).map((hit) => ({ source, ...hit })));
  hits.sort((a, b) => b.score - a.score);
  const best: Included[] = [];
  const texts = new Map(sources.map((s) => [s.id, passagesOf(s.text)]));
  for (const { source, passage } of hits) {
    const text = texts.get(source.id)![passage]!;
    room -= count(text);
    if (room < 0 || best.length === MAX_PASSAGES) break;
    best.push({ source: source.id, name: source.name, text });
  }
  return best;
}
