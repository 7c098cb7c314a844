// Server-sent events, as servers of OpenAI's API write them: the data of each event, whatever else is on the way.

import { TabseekError } from '../../shared/messages';

/** A line that is longer is no event of an answer. */
const MAX_LINE = 16 << 20;

/** The data of each event. Comments, which servers send to keep a connection alive, are passed over. */
export async function* events(body: AsyncIterable<string>): AsyncGenerator<string, void> {
  let data: string[] = [];
  for await (const line of lines(body)) {
    if (line === '') {
      if (data.length > 0) yield data.join('\n');
      data = [];
    } else if (line.startsWith('data:')) {
      data.push(value(line, 5));
    } else if (line.startsWith('error:')) {
      yield value(line, 6); // as older versions of llama-server report an error
    }
  }
  if (data.length > 0) yield data.join('\n');
}

/** What follows a field's colon, and one space. */
const value = (line: string, from: number): string => line.slice(line[from] === ' ' ? from + 1 : from);

/** Lines, which may end in LF or in CR LF. */
async function* lines(body: AsyncIterable<string>): AsyncGenerator<string, void> {
  let rest = '';
  for await (const text of body) {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    for (const line of parts) yield line.endsWith('\r') ? line.slice(0, -1) : line;
    if (rest.length > MAX_LINE) throw new TabseekError('remote_failed', 'the server sends a line without an end');
  }
  if (rest) yield rest;
}
