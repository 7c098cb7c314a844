// The connection to a server of OpenAI's API: one request at a time, with an end to every silence, and errors with codes.

import { TabseekError } from '../../shared/messages';
import type { ErrorCode } from '../../shared/messages.gen';

export interface ServerOptions {
  /** The token that this page's server asks for, or a server's own key where a program asks it directly. */
  token?: string;
  /** So long, in milliseconds, a server may say nothing. */
  timeout: number;
}

/** What a server answered, as it comes. */
export interface Reply {
  /** Whether it comes as events; else it is one JSON. */
  streams: boolean;
  body: AsyncIterable<string>;
}

export class Server {
  constructor(
    private readonly url: string,
    private readonly options: ServerOptions,
  ) {}

  /** Asks for JSON. */
  async json(path: string, body: string | undefined, signal: AbortSignal): Promise<unknown> {
    const { body: parts } = await this.ask(path, body, signal);
    let text = '';
    for await (const part of parts) text += part;
    return parseJSON(text);
  }

  /** Posts the body, or gets without one. Resolves when an answer begins. The signal rejects with its reason, at any time. */
  async ask(path: string, body: string | undefined, signal: AbortSignal): Promise<Reply> {
    const silence = new Silence(this.options.timeout, signal);
    try {
      const response = await silence.until(this.fetch(path, body, silence.signal));
      if (!response.ok) throw await silence.until(failure(response));
      const kind = response.headers.get('content-type') ?? '';
      if (!/json|event-stream/.test(kind)) throw new TabseekError('remote_failed', `the server answered with ${kind || 'nothing'}, want JSON`, { status: response.status });
      return { streams: kind.includes('event-stream'), body: textOf(response, silence) };
    } catch (e) {
      silence.end();
      throw silence.explain(e);
    }
  }

  private fetch(path: string, body: string | undefined, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json, text/event-stream' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (this.options.token) headers.authorization = `Bearer ${this.options.token}`;
    return fetch(`${this.url}/v1/${path}`, { method: body === undefined ? 'GET' : 'POST', body, headers, signal, cache: 'no-store', redirect: 'error' });
  }
}

/** Breaks a request off where the server is silent for too long. */
class Silence {
  private readonly controller = new AbortController();
  private readonly stop = () => this.controller.abort(this.caller.reason);
  readonly signal = this.controller.signal;

  constructor(
    private readonly milliseconds: number,
    private readonly caller: AbortSignal,
  ) {
    caller.addEventListener('abort', this.stop);
    if (caller.aborted) this.stop();
  }

  /** Waits for the server. Time in which nobody listens does not count. */
  async until<T>(said: Promise<T>): Promise<T> {
    const error = new TabseekError('remote_unreachable', `the server has said nothing for ${this.milliseconds / 1000} s`);
    const timer = setTimeout(() => this.controller.abort(error), this.milliseconds);
    try {
      return await said;
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.caller.removeEventListener('abort', this.stop);
  }

  /** Browsers reject with errors of their own. */
  explain(e: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (e instanceof TabseekError) return e;
    return new TabseekError('remote_unreachable', `the connection to the server failed: ${e instanceof Error ? e.message : String(e)}`);
  }
}

async function* textOf(response: Response, silence: Silence): AsyncGenerator<string, void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await silence.until(reader.read());
      if (done) return;
      yield value;
    }
  } catch (e) {
    throw silence.explain(e);
  } finally {
    silence.end();
    void reader.cancel().catch(() => {}); // who reads no further wants no more
  }
}

export function parseJSON(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TabseekError('remote_failed', `the server sent what is not JSON: ${JSON.stringify(text.slice(0, 80))}`);
  }
}

/** What servers put around an error; they differ in it. */
interface ErrorBody {
  error?: { message?: unknown; code?: unknown; param?: unknown; type?: unknown } | string;
  message?: unknown;
  detail?: unknown;
}

/** The error that a server reports in place of an answer. */
async function failure(response: Response): Promise<TabseekError> {
  const text = await response.text().catch(() => '');
  let body: ErrorBody = {};
  try {
    body = (JSON.parse(text) as ErrorBody | null) ?? {};
  } catch {
    // its status says enough
  }
  const after = retryAfter(response.headers.get('retry-after'));
  return errorOf(body, response.status, after === undefined ? {} : { retry_after: after });
}

/** The error that a body reports, with the status of its answer; an error in the middle of a stream has none. */
export function errorOf(body: ErrorBody, status: number | undefined, more: Record<string, unknown> = {}): TabseekError {
  const error = typeof body.error === 'object' && body.error !== null ? body.error : { message: body.error };
  const said = [error.message, body.message, body.detail].find((m) => typeof m === 'string' && m !== '') as string | undefined;
  const message = said ?? (body.detail ? JSON.stringify(body.detail) : `the server answered with status ${status}`);
  const code = codeOf(status ?? Number(error.code), `${String(error.code)} ${String(error.type)} ${message}`);
  const fields: Record<string, unknown> = { ...(status && { status }), ...more };
  if (code === 'bad_request' && typeof error.param === 'string') fields.param = error.param;
  // Of this page's own server (server/remote): it, and not the model's, wants something.
  if (error.code === 'remote_auth') fields.token = true;
  return new TabseekError(code, message.slice(0, 1000), fields);
}

/** Servers say by their own words that a prompt is too long, and all by status 400. */
const TOO_LONG = /context.{0,20}(length|size|window)|exceed_context|too long|maximum.{0,20}tokens/i;

function codeOf(status: number, words: string): ErrorCode {
  if (status === 401 || status === 403) return 'remote_refused';
  if (status === 429) return 'rate_limited';
  if (status === 413 || ((status === 400 || status === 422) && TOO_LONG.test(words))) return 'context_full';
  if (status === 400 || status === 422 || status === 404) return 'bad_request';
  return /remote_(unreachable|timeout)/.test(words) ? 'remote_unreachable' : 'remote_failed';
}

/** Seconds to wait, which a server may tell as a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.round(seconds)) : undefined;
}
