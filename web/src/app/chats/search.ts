import type { Library } from './library';

/** Case and width do not matter. */
const fold = (text: string): string => text.normalize('NFKC').toLowerCase();

/** The texts of all chats in memory, read when somebody first searches. */
export class Search {
  private texts: Promise<Map<string, string>> | undefined;

  constructor(private readonly library: Library) {
    library.changed.add((chat) => void this.refresh(chat));
  }

  /** The chats that have all the words in what was said, or in their titles. */
  async find(query: string): Promise<ReadonlySet<string>> {
    const words = fold(query).split(/\s+/).filter(Boolean);
    const texts = await this.prepare();
    const found = this.library.chats.value.filter(({ id, title }) => {
      const text = `${fold(title)}\n${texts.get(id) ?? ''}`;
      return words.every((w) => text.includes(w));
    });
    return new Set(found.map((c) => c.id));
  }

  /** Reads the texts, if that has not been done. */
  prepare(): Promise<Map<string, string>> {
    return (this.texts ??= this.read());
  }

  private async read(): Promise<Map<string, string>> {
    const texts = new Map<string, string>();
    for (const { chat, messages } of await this.library.everything()) texts.set(chat.id, fold(messages.map((m) => m.content).join('\n')));
    return texts;
  }

  private async refresh(chat?: string): Promise<void> {
    if (!this.texts) return;
    if (!chat) return void (this.texts = undefined);
    const texts = await this.texts;
    texts.set(chat, fold((await this.library.messages(chat)).map((m) => m.content).join('\n')));
  }
}
