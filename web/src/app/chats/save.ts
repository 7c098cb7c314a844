import type { Library } from './library';

/** All chats as one JSON file. */
export async function saveAll(library: Library): Promise<void> {
  const now = new Date();
  const { exported } = await import('./transfer');
  download(`tabseek-chats-${now.toISOString().slice(0, 10)}.json`, 'application/json', JSON.stringify(exported(await library.everything(), now), null, 1));
}

/** The branch of a chat that is shown, as Markdown. */
export async function saveChat(library: Library, id: string): Promise<void> {
  const record = await library.record(id);
  if (!record) return;
  const { markdownOf } = await import('./transfer');
  const name = record.chat.title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'chat';
  download(`${name}.md`, 'text/markdown', markdownOf(record));
}

function download(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  document.body.append(link); // Firefox wants it in the page
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
