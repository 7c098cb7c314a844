// A chat's messages as a tree.

import type { Message } from './record';

export type Messages = ReadonlyMap<string, Message>;

/** From the root to a message. */
export function pathTo(messages: Messages, leaf: string | undefined): Message[] {
  const path: Message[] = [];
  for (let m = messages.get(leaf ?? ''); m; m = messages.get(m.parent ?? '')) path.push(m);
  return path.reverse();
}

/** A question goes before its answer of the same millisecond. */
export const byTime = (a: Message, b: Message): number => a.created_at - b.created_at || b.role.localeCompare(a.role) || (a.id < b.id ? -1 : 1);

/** Messages by the one before them, each list by time. */
export function childrenOf(messages: Messages): Map<string | null, Message[]> {
  const children = new Map<string | null, Message[]>();
  for (const m of messages.values()) {
    const list = children.get(m.parent);
    if (list) list.push(m);
    else children.set(m.parent, [m]);
  }
  for (const list of children.values()) list.sort(byTime);
  return children;
}

/** The end of the newest branch below a message. */
export function newestLeaf(messages: Messages, from: string): string {
  const children = childrenOf(messages);
  let leaf = from;
  for (let next = children.get(leaf); next; next = children.get(leaf)) leaf = next.at(-1)!.id;
  return leaf;
}

/** A message among those that stand in its place. */
export interface Branch {
  /** From 0. */
  index: number;
  ids: string[];
}

/** A question and its answer, each with its siblings. */
export interface Turn {
  question: Message;
  questions: Branch;
  /** None where the question was never put to a model. */
  answer?: Message;
  answers?: Branch;
}

/** The branch that ends in a leaf, as turns. */
export function turnsOf(messages: Messages, leaf: string | undefined): Turn[] {
  const children = childrenOf(messages);
  const branch = (m: Message): Branch => {
    const ids = children.get(m.parent)!.map((s) => s.id);
    return { index: ids.indexOf(m.id), ids };
  };
  const turns: Turn[] = [];
  for (const m of pathTo(messages, leaf)) {
    if (m.role === 'user') turns.push({ question: m, questions: branch(m) });
    else if (turns.length > 0) Object.assign(turns.at(-1)!, { answer: m, answers: branch(m) });
  }
  return turns;
}
