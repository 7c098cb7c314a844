// Which unfinished answers are still being written. A tab holds a lock of the answer's name while it writes; the browser
// takes it back when the tab dies, however it dies.

const lockName = (id: string): string => `tabseek-answer-${id}`;

/** Holds the answer's lock until the work is done. Pages that may not have locks have no model either. */
export function whileAnswering(id: string, work: () => Promise<void>): Promise<void> {
  return navigator.locks ? navigator.locks.request(lockName(id), work) : work();
}

/** Resolves when no tab writes the answer any more. */
export async function whenAbandoned(id: string): Promise<void> {
  if (navigator.locks) await navigator.locks.request(lockName(id), () => {});
}
