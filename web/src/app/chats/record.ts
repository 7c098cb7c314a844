// What is kept of a conversation. The names are those of the exported file.

import type { FinishReason, Logprob, Usage } from '../../api/tabseek';
import type { Panel } from './panel';

export interface Chat {
  id: string;
  title: string;
  /** Milliseconds since 1970, as all times here. */
  created_at: number;
  /** When something was last said in it. */
  updated_at: number;
  pinned: boolean;
  /** What the model is told before the first question. */
  system: string;
  /** The last message of the branch that is shown. */
  leaf: string;
}

/** A question or an answer. Messages are a tree: an edited question and another answer to the same are siblings. */
export interface Message {
  id: string;
  chat: string;
  /** The message before; null at the root. A question follows an answer, and an answer a question. */
  parent: string | null;
  role: 'user' | 'assistant';
  created_at: number;
  content: string;
  reasoning?: string;
  /** How long the reasoning took. */
  thinking_seconds?: number;
  /** Why an answer ended; null while it has not, and for ever if its tab ended before. */
  finish?: Finish | null;
  /** Why it failed. */
  error?: { code: string; message: string };
  usage?: Usage;
  tokens_per_second?: number;
  /** The model that answered. */
  model?: string;
  logprobs?: Logprob[];
  /** The answer was made of several. */
  panel?: Panel;
  /** What files gave to a question, as the model was told it. */
  included?: Included[];
}

/** A file, or a passage of one. */
export interface Included {
  /** The file's id. */
  source: string;
  name: string;
  /** By which an answer cites it; a whole file has none. */
  number?: number;
  text: string;
}

export type Finish = FinishReason | 'error';

/** A chat with all of its messages. */
export interface ChatRecord {
  chat: Chat;
  messages: Message[];
}

/** Not crypto.randomUUID, which pages without HTTPS lack. */
export const newID = (): string => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');

const TITLE_LENGTH = 60;

/** A chat is called by the beginning of its first question. */
export function titleOf(question: string): string {
  const line = question.trim().split('\n', 1)[0]!.trim();
  if (line.length <= TITLE_LENGTH) return line;
  const cut = line.slice(0, TITLE_LENGTH);
  const word = cut.lastIndexOf(' ');
  return `${word > TITLE_LENGTH / 2 ? cut.slice(0, word) : cut}…`;
}

/** Why the chats cannot be kept, read or imported. */
export class ChatError extends Error {
  override name = 'ChatError';
  constructor(
    readonly code: ChatErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export type ChatErrorCode =
  /** written by a later version of the page */
  | 'store_newer'
  /** the browser refuses to keep it */
  | 'store_failed'
  /** a file that holds no chats, or damaged ones */
  | 'bad_import';
