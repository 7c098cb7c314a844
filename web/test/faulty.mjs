// A server before the server, whose answers have faults.
import http from 'node:http';
import { workerScript } from './support.mjs';

/** What can go wrong with an answer: its head, its bytes and the connection are in the fault's hands. */
export const faults = {
  /** The connection breaks after 60 % of the bytes. */
  cut: (answer, response) => {
    let left = Math.round(0.6 * answer.headers['content-length']);
    response.writeHead(answer.statusCode, answer.headers);
    answer.on('data', (chunk) => {
      response.write(chunk.subarray(0, Math.max(left, 0)));
      if (left > 0 && left <= chunk.length) setTimeout(() => response.destroy(), 100); // what was written has gone out by then
      left -= chunk.length;
    });
  },
  /** The connection stays, but 40 % of the bytes never come. */
  stall: (answer, response) => {
    let left = Math.round(0.6 * answer.headers['content-length']);
    response.writeHead(answer.statusCode, answer.headers);
    answer.on('data', (chunk) => {
      response.write(chunk.subarray(0, Math.max(left, 0)));
      left -= chunk.length;
    });
  },
  /** A bit is another one. */
  flip: (answer, response) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.once('data', (chunk) => (chunk[chunk.length >> 1] ^= 1));
    answer.pipe(response);
  },
  /** Somebody else answers: a login page, as of a hotel's network. */
  page: (answer, response) => {
    answer.resume();
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><title>Welcome to our hotel</title>');
  },
  /** The file has become longer. */
  longer: (answer, response) => {
    const { 'content-length': _, ...headers } = answer.headers;
    response.writeHead(answer.statusCode, headers);
    answer.pipe(response, { end: false });
    answer.on('end', () => response.end('and more'));
  },
  /** The server has a fault of its own. */
  broken: (answer, response) => {
    answer.resume();
    response.writeHead(500).end();
  },
  /** Ranges are not known here. */
  whole: (answer, response) => answer.pipe(response.writeHead(200, { 'content-length': answer.headers['content-length'] })),
};

/** Workers whose clock makes ten seconds of one, where they wait for a silent server. */
function hurried(answer, response) {
  const { 'content-length': _, ...headers } = answer.headers;
  response.writeHead(answer.statusCode, headers);
  response.write('{ const wait = self.setTimeout; self.setTimeout = (f, ms) => wait(f, ms === 30_000 ? 3_000 : ms); }\n');
  return response;
}

/** A file as another build of the server would have it. */
async function edited(edit, answer, response) {
  const { 'content-length': _, etag: _etag, ...headers } = answer.headers;
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  response.writeHead(answer.statusCode, headers).end(edit(text));
}

/** A server before the server. `edits` has functions by path, `plan` is what goes wrong with the requests of one file, in their order; `seen` what they were. */
export async function faulty(address) {
  const state = { plan: [], seen: [], file: '', hurry: false, edits: {} };
  const server = http.createServer((request, response) => {
    const subject = state.file !== '' && request.url.includes(state.file);
    const fault = subject ? state.plan[Math.min(state.seen.length, state.plan.length - 1)] : undefined;
    const { range, ...plain } = request.headers;
    const worker = state.hurry && workerScript.test(request.url);
    const edit = state.edits[request.url];
    const onward = http.request(address + request.url, { headers: fault === 'whole' || worker || edit ? { ...plain, 'accept-encoding': 'identity' } : request.headers }, (answer) => {
      if (fault) faults[fault](answer, response);
      else if (worker) answer.pipe(hurried(answer, response));
      else if (edit) edited(edit, answer, response);
      else answer.pipe(response.writeHead(answer.statusCode, answer.headers));
    });
    if (subject) {
      const seen = { url: request.url, range, closed: false };
      response.on('close', () => (seen.closed = true));
      state.seen.push(seen);
    }
    onward.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    address: `http://127.0.0.1:${server.address().port}`,
    /** Plans faults for the requests whose path has this in it; the last of them happens ever again, undefined is none. */
    expect: (file, ...plan) => Object.assign(state, { file, plan, seen: [] }),
    stop: () => (server.close(), server.closeAllConnections()),
  });
}
