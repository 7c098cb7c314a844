// The file of all chats, and a chat as Markdown.

import type { Group } from '../../api/tabseek';
import type { KeptLane, Panel } from './panel';
import { ChatError, type Chat, type ChatRecord, type Message } from './record';
import { byTime, childrenOf, pathTo } from './tree';

const FORMAT = 'tabseek-chats';
const VERSION = 1;
const FINISHES = ['stop', 'length', 'abort', 'error'] as const;

export interface ExportFile {
  format: typeof FORMAT;
  version: number;
  exported_at: string;
  chats: (Chat & { messages: Omit<Message, 'chat'>[] })[];
}

/** Chats and messages in the order they were made, so that the same chats give the same file. */
export function exported(records: ChatRecord[], now: Date): ExportFile {
  const chats = [...records].sort((a, b) => a.chat.created_at - b.chat.created_at || (a.chat.id < b.chat.id ? -1 : 1));
  return {
    format: FORMAT,
    version: VERSION,
    exported_at: now.toISOString(),
    chats: chats.map(({ chat, messages }) => ({ ...chat, messages: [...messages].sort(byTime).map(({ chat: _, ...m }) => m) })),
  };
}

export function markdownOf({ chat, messages }: ChatRecord): string {
  const path = pathTo(new Map(messages.map((m) => [m.id, m])), chat.leaf);
  const parts = path.map((m) => {
    if (m.role === 'user') return `## ${m.content.trim().replace(/\n/g, '\n> ').replace(/\n> /, '\n\n> ')}`;
    const thoughts = m.reasoning?.trim();
    return [thoughts && `<details><summary>Reasoning</summary>\n\n${thoughts}\n\n</details>\n\n`, m.content.trim()].filter(Boolean).join('');
  });
  return `# ${chat.title}\n\n${parts.join('\n\n')}\n`;
}

/** The chats of an exported file. What is not one, or damaged, throws bad_import with the place. */
export function parseExport(text: string): ChatRecord[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (e) {
    throw new ChatError('bad_import', `not JSON: ${(e as Error).message}`);
  }
  const top = new Reader(file, 'the file');
  if (top.fields.format !== FORMAT) throw new ChatError('bad_import', `the file is not an export of chats: its format is ${JSON.stringify(top.fields.format) ?? 'not told'}`);
  const version = top.number('version');
  if (version !== VERSION) throw new ChatError('bad_import', `the file has version ${version}, and this page reads ${VERSION}`);
  const records = top.list('chats').map(readChat);
  unique(records.map((r) => r.chat.id), 'chats');
  unique(records.flatMap((r) => r.messages.map((m) => m.id)), 'messages');
  return records;
}

function readChat(r: Reader): ChatRecord {
  const chat: Chat = {
    id: r.id('id'),
    title: r.text('title'),
    created_at: r.number('created_at'),
    updated_at: r.number('updated_at'),
    pinned: r.boolean('pinned'),
    system: r.text('system'),
    leaf: r.id('leaf'),
  };
  const messages = r.list('messages').map((m) => readMessage(m, chat.id));
  checkTree(r, chat, messages);
  return { chat, messages };
}

function readMessage(r: Reader, chat: string): Message {
  const message: Message = {
    id: r.id('id'),
    chat,
    parent: r.fields.parent === null ? null : r.id('parent'),
    role: r.oneOf('role', ['user', 'assistant'] as const),
    created_at: r.number('created_at'),
    content: r.text('content'),
  };
  if (r.has('reasoning')) message.reasoning = r.text('reasoning');
  if (r.has('thinking_seconds')) message.thinking_seconds = r.number('thinking_seconds');
  if (r.has('finish')) message.finish = r.fields.finish === null ? null : r.oneOf('finish', FINISHES);
  if (r.has('error')) {
    const error = r.object('error');
    message.error = { code: error.text('code'), message: error.text('message') };
  }
  if (r.has('usage')) message.usage = readUsage(r.object('usage'));
  if (r.has('tokens_per_second')) message.tokens_per_second = r.number('tokens_per_second');
  if (r.has('model')) message.model = r.text('model');
  if (r.has('panel')) message.panel = readPanel(r.object('panel'));
  if (r.has('included')) message.included = r.list('included').map((i) => ({ source: i.id('source'), name: i.text('name'), text: i.text('text'), ...(i.has('number') && { number: i.number('number') }) }));
  if (r.has('logprobs')) message.logprobs = r.list('logprobs').map(readLogprob);
  return message;
}

function readUsage(r: Reader): NonNullable<Message['usage']> {
  return {
    prompt_tokens: r.number('prompt_tokens'),
    completion_tokens: r.number('completion_tokens'),
    total_tokens: r.number('total_tokens'),
    prompt_tokens_details: { cached_tokens: r.object('prompt_tokens_details').number('cached_tokens') },
    completion_tokens_details: { reasoning_tokens: r.object('completion_tokens_details').number('reasoning_tokens') },
  };
}

function readLogprob(r: Reader): NonNullable<Message['logprobs']>[number] {
  const token = (t: Reader) => ({ id: t.number('id'), token: t.text('token'), logprob: t.number('logprob'), bytes: t.numbers('bytes') });
  return { ...token(r), top_logprobs: r.list('top_logprobs').map(token) };
}

const PURPOSES = ['answer', 'check', 'fusion'] as const;
const MODES = ['single', 'vote', 'short_m', 'weighted', 'best_of', 'check', 'fuse'] as const;
const TRACE_FINISHES = ['stop', 'budget', 'length', 'loop', 'cut', 'unbegun', 'abort'] as const;
const STOPPED_BY = ['all', 'decided', 'beta', 'probe', 'short_m', 'verifier', 'confirmed', 'unchecked', 'refuted', 'abort'] as const;
const CHOSEN_BY = ['only', 'majority', 'weight', 'verifier', 'self_score', 'fusion', 'none'] as const;

function readPanel(r: Reader): Panel {
  const panel: Panel = { mode: r.oneOf('mode', MODES), n: r.number('n'), lanes: r.list('lanes').map(readLane) };
  if (r.has('tally')) {
    const tally = r.object('tally');
    panel.tally = { groups: tally.list('groups').map(readGroup), agreement: tally.number('agreement'), ended: tally.number('ended'), running: tally.number('running') };
  }
  if (r.has('result')) panel.result = readResult(r.object('result'));
  return panel;
}

function readLane(r: Reader): KeptLane {
  return {
    purpose: r.oneOf('purpose', PURPOSES),
    tokens: r.number('tokens'),
    thinking: r.boolean('thinking'),
    content: r.text('content'),
    reasoning: r.text('reasoning'),
    line: r.numbers('line'),
    tokens_per_point: r.number('tokens_per_point'),
    ...(r.has('answer') && { answer: r.text('answer') }),
    ...(r.has('finish') && { finish: r.oneOf('finish', TRACE_FINISHES) }),
  };
}

function readResult(r: Reader): NonNullable<Panel['result']> {
  return {
    answer: r.fields.answer === null ? null : r.text('answer'),
    groups: r.list('groups').map(readGroup),
    agreement: r.number('agreement'),
    stopped_by: r.oneOf('stopped_by', STOPPED_BY),
    chosen_by: r.oneOf('chosen_by', CHOSEN_BY),
    ...(r.has('trace') && { trace: r.number('trace') }),
    traces: r.list('traces').map((t) => ({
      finish: t.oneOf('finish', TRACE_FINISHES),
      tokens: t.number('tokens'),
      reasoning_tokens: t.number('reasoning_tokens'),
      conf_low: t.number('conf_low'),
      conf_tail: t.number('conf_tail'),
      score: t.number('score'),
      ...(t.has('answer') && { answer: t.text('answer') }),
      ...(t.has('accepted') && { accepted: t.boolean('accepted') }),
    })),
    saved_tokens: r.number('saved_tokens'),
  };
}

const readGroup = (r: Reader): Group => ({ key: r.text('key'), count: r.number('count'), weight: r.number('weight') });

/** Questions follow answers and answers questions, from one before them that is there, and the leaf is one of them. */
function checkTree(r: Reader, chat: Chat, messages: Message[]): void {
  const all = new Map(messages.map((m) => [m.id, m]));
  if (!all.has(chat.leaf)) throw r.bad('leaf', 'one of the messages');
  for (const m of messages) {
    const parent = m.parent === null ? undefined : all.get(m.parent);
    const fits = m.parent === null ? m.role === 'user' : parent && parent.role !== m.role;
    if (!fits) throw new ChatError('bad_import', `${r.place}: message ${m.id} has no message before it that it could follow`);
  }
  // A message that nothing leads to from the root is part of a circle.
  const reached = new Set<string>();
  const children = childrenOf(all);
  for (const queue = [...(children.get(null) ?? [])]; queue.length > 0; ) {
    const m = queue.pop()!;
    reached.add(m.id);
    queue.push(...(children.get(m.id) ?? []));
  }
  if (reached.size !== all.size) throw new ChatError('bad_import', `${r.place}: its messages go round in a circle`);
}

function unique(ids: string[], what: string): void {
  if (new Set(ids).size !== ids.length) throw new ChatError('bad_import', `two ${what} of the file have the same id`);
}

/** Reads one object of the file, strictly. */
class Reader {
  readonly fields: Record<string, unknown>;

  constructor(
    value: unknown,
    readonly place: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ChatError('bad_import', `${place} is not an object`);
    this.fields = value as Record<string, unknown>;
  }

  bad(name: string, wanted: string): ChatError {
    return new ChatError('bad_import', `${this.place}: ${name} is not ${wanted}`);
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  text(name: string): string {
    const value = this.fields[name];
    if (typeof value !== 'string') throw this.bad(name, 'a text');
    return value;
  }

  id(name: string): string {
    const value = this.text(name);
    if (!/^[\w-]{1,64}$/.test(value)) throw this.bad(name, 'an id');
    return value;
  }

  number(name: string): number {
    const value = this.fields[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.bad(name, 'a number');
    return value;
  }

  boolean(name: string): boolean {
    const value = this.fields[name];
    if (typeof value !== 'boolean') throw this.bad(name, 'true or false');
    return value;
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const found = choices.find((c) => c === this.fields[name]);
    if (!found) throw this.bad(name, `one of ${choices.join(', ')}`);
    return found;
  }

  object(name: string): Reader {
    return new Reader(this.fields[name], `${this.place}: ${name}`);
  }

  list(name: string): Reader[] {
    const value = this.fields[name];
    if (!Array.isArray(value)) throw this.bad(name, 'a list');
    return value.map((item, i) => new Reader(item, `${this.place}: ${name}[${i}]`));
  }

  numbers(name: string): number[] {
    const value = this.fields[name];
    if (!Array.isArray(value) || !value.every((n) => Number.isFinite(n))) throw this.bad(name, 'a list of numbers');
    return value as number[];
  }
}
