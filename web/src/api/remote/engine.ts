import { TabseekError } from '../../shared/messages';
import type { Message, Params, Stats, Strategy } from '../../shared/messages.gen';
import { chunks, completion, type Chunks, type Completion, type CompletionRequest, type Create, type StrategyRequest } from '../completion';
import { checkCallback, checkSignal, checkText, checkURL, encode, fieldsOf, refuse } from '../encode';
import { splitVerifier } from '../strategy';
import { pieces, type Piece } from './answer';
import { canAnswerOften, keepsBudgets, listModels, tellsLogprobs, type Capabilities, type RemoteModel } from './capabilities';
import { Choices } from './choices';
import { bodyOf, budgetOf, checkRequest, unsupported } from './request';
import { Server } from './server';
import { splitWhole } from './splitter';
import { lead, type AskTrace } from './strategy';

export interface RemoteOptions {
  /** Which of the server's models; its first, if left out. */
  model?: string;
  /** The token that this page's server asks for (serve --remote-auth). */
  token?: string;
  /** So long, in milliseconds, the server may say nothing; two minutes, if left out. */
  timeout?: number;
  /** Where engine.wasm is, whose panel leads strategies; beside this script, if left out. */
  wasmURL?: string;
  /** What is known of the server and the model, from before: it is not tried again. */
  capabilities?: Capabilities;
}

const TIMEOUT = 120_000;

/** A model that runs elsewhere, on a server with OpenAI's API: `/remote/NAME` of this page's own server, or another address without `/v1`. Nothing is sent before something is asked. */
export function remote(url: string, options: RemoteOptions = {}): RemoteEngine {
  const { model, token, timeout = TIMEOUT, wasmURL, capabilities } = fieldsOf('options', options);
  if (model !== undefined) checkText('model', model);
  if (token !== undefined) checkText('token', token);
  if (typeof timeout !== 'number' || !(timeout > 0)) throw refuse('timeout', 'must be a number of milliseconds');
  const address = checkURL('url', url).replace(/\/+$/, '');
  const engineURL = wasmURL === undefined ? undefined : checkURL('wasmURL', wasmURL);
  return new RemoteEngine(new Server(address, { token, timeout }), model, capabilities, engineURL);
}

/** What is known of a model elsewhere. */
export interface RemoteInfo {
  /** Empty before the server was asked for its first. */
  name: string;
  /** Positions of a sequence; 0 if that is not known. */
  context: number;
}

/** A model elsewhere, with what an engine can do that another server can. */
export class RemoteEngine {
  readonly remote = true;
  readonly chat: { completions: { create: Create } };
  /** What is known of the model so far. */
  readonly info: RemoteInfo;
  private readonly working = new Set<AbortController>();
  private last: Stats | undefined;
  private unloaded = false;
  private list: Promise<RemoteModel[]> | undefined;
  /** What was found out, each at most once. */
  private readonly found: Partial<Record<'n' | 'logprobs' | 'budgets', Promise<boolean | undefined>>> = {};

  /** @internal */
  constructor(
    private readonly server: Server,
    private readonly model: string | undefined,
    known: Capabilities | undefined,
    private readonly wasmURL?: string,
  ) {
    this.info = { name: model ?? '', context: known?.context ?? 0 };
    if (known) for (const what of ['n', 'logprobs', 'budgets'] as const) this.found[what] = Promise.resolve(known[what]);
    this.chat = { completions: { create: ((request: CompletionRequest) => this.create(request)) as Create } };
  }

  /** The server's models. It is asked once. */
  async models(): Promise<RemoteModel[]> {
    this.list ??= this.work((signal) => listModels(this.server, signal)).catch((e) => {
      this.list = undefined;
      throw e;
    });
    const models = await this.list;
    const chosen = this.model === undefined ? models[0] : models.find((m) => m.id === this.model);
    if (this.model === undefined && chosen) this.info.name = chosen.id;
    if (chosen?.context) this.info.context = chosen.context;
    return models;
  }

  /** What the server can do with this model, found out by one small request each. */
  async capabilities(): Promise<Capabilities> {
    await this.models().catch((e) => {
      if (this.model === undefined || (e as TabseekError).code !== 'bad_request') throw e; // a server may list nothing, and answer
    });
    const [n, logprobs, budgets] = [await this.can('n'), await this.can('logprobs'), await this.can('budgets')];
    return { n: n!, logprobs: logprobs!, budgets, ...(this.info.context && { context: this.info.context }) };
  }

  /** Times and counts of the last answer, as far as the server tells; this device has done nothing for it. */
  async stats(): Promise<Stats | undefined> {
    return this.last;
  }

  /** No server takes raw ids alike: it rejects with `unsupported`. */
  async generate(): Promise<never> {
    throw unsupported('generate', 'needs a model in this tab');
  }

  /** No server gives logits: it rejects with `unsupported`. */
  async logits(): Promise<never> {
    throw unsupported('logits', 'needs a model in this tab');
  }

  /** Ends what is under way, with finish_reason abort. Later calls reject. */
  async unload(): Promise<void> {
    this.unloaded = true;
    for (const controller of this.working) controller.abort(ABORTED);
  }

  private can(what: 'n' | 'logprobs' | 'budgets'): Promise<boolean | undefined> {
    const trial = { n: canAnswerOften, logprobs: tellsLogprobs, budgets: keepsBudgets }[what];
    return (this.found[what] ??= this.work(async (signal) => trial(this.server, await this.name(), signal)).catch((e) => {
      delete this.found[what];
      throw e;
    }));
  }

  private async name(): Promise<string> {
    if (this.model === undefined && !this.info.name) await this.models();
    if (!this.info.name) throw new TabseekError('remote_failed', 'the server has no model');
    return this.info.name;
  }

  private async work<R>(task: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const controller = this.begin();
    try {
      return await task(controller.signal);
    } finally {
      this.working.delete(controller);
    }
  }

  private begin(): AbortController {
    if (this.unloaded) throw new TabseekError('bad_request', 'the model is unloaded');
    const controller = new AbortController();
    this.working.add(controller);
    return controller;
  }

  private async create(request: CompletionRequest): Promise<Chunks | Completion> {
    const { messages, signal, onPrefill, strategy, escalate, ...params } = fieldsOf('the request', request);
    if (escalate !== undefined && escalate !== null) throw unsupported('escalate', 'needs a model in this tab');
    checkSignal(signal);
    checkCallback('onPrefill', onPrefill);
    checkRequest(messages, params);
    const controller = this.begin();
    const abort = () => controller.abort(ABORTED);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    const end = () => {
      controller.abort(ABORTED);
      signal?.removeEventListener('abort', abort);
      this.working.delete(controller);
    };
    const whole = params.stream !== true;
    if (strategy !== undefined && strategy !== null) return this.createLed(messages, params, strategy, controller.signal, end);
    const n = params.n ?? 1;
    const choices = new Choices(n, whole || params.stream_options?.include_usage === true);
    let sources: AsyncGenerator<Piece, void>[] = [];
    try {
      await this.checkAbilities(params);
      sources = await this.ask(messages, params, n, controller.signal);
    } catch (e) {
      if (!controller.signal.aborted) {
        end();
        throw e;
      }
    }
    const stream = choices.chunks(params.model ?? this.info.name, sources, controller.signal, (stats) => {
      end();
      this.last = stats;
    });
    return whole ? splitThinking(await completion(stream)) : Object.assign(stream, { answerNow: unsteered, thinkLonger: unsteered });
  }

  /** One answer made of several. With a strategy, n is another word for its own. */
  private async createLed(messages: Message[], { n, ...params }: Params, strategy: NonNullable<CompletionRequest['strategy']>, signal: AbortSignal, end: () => void): Promise<Chunks | Completion> {
    const { verifier, strategy: told } = splitVerifier(strategy);
    const whole: StrategyRequest = typeof told === 'object' ? told : { mode: told! };
    const budgets = [budgetOf(params), whole.budget].filter((b) => b !== undefined);
    const { budget: _, ...led } = { ...whole, ...(whole.n === undefined && n !== undefined && { n }) };
    const limited = budgets.length > 0 ? { ...params, thinking_budget: Math.min(...budgets) } : params;
    try {
      await this.checkAbilities(limited);
      const ask: AskTrace = async (messages, trace, signal) => {
        const [source] = await this.ask(messages, typeof limited.seed === 'number' ? { ...limited, seed: (limited.seed + trace) >>> 0 } : limited, 1, signal);
        return source!;
      };
      const run = await lead(messages, led as Strategy, { ask, signal, verifier, wasmURL: this.wasmURL });
      const answers = [{ ...run, steps: ending(run.steps, end) }];
      const all = params.stream !== true;
      const stream = chunks({ model: params.model ?? this.info.name, answers, includeUsage: all || params.stream_options?.include_usage === true });
      return all ? await completion(stream) : Object.assign(stream, { answerNow: unsteered, thinkLonger: unsteered });
    } catch (e) {
      end();
      throw e;
    }
  }

  /** A server would ignore in silence what it cannot do. */
  private async checkAbilities(params: Params): Promise<void> {
    if (params.logprobs && !(await this.can('logprobs'))) throw unsupported('logprobs', 'are not told by this server');
    if (budgetOf(params) !== undefined && (await this.can('budgets')) === false) throw unsupported('thinking_budget', 'is not kept by this server');
  }

  /** One request for all answers, or where the server does not know that, one for each. Resolves when the answers begin. */
  private async ask(messages: CompletionRequest['messages'], params: Params, n: number, signal: AbortSignal): Promise<AsyncGenerator<Piece, void>[]> {
    const model = params.model ?? (await this.name());
    const post = async (index: number, count: number) => {
      const seeded = index > 0 && typeof params.seed === 'number' ? { ...params, seed: (params.seed + index) >>> 0 } : params;
      const reply = await this.server.ask('chat/completions', encode(bodyOf(model, messages, seeded, count)), signal);
      return pieces(reply);
    };
    if (n === 1) return [await post(0, 1)];
    if (await this.can('n')) {
      try {
        return [await post(0, n)];
      } catch (e) {
        if ((e as TabseekError).code !== 'bad_request') throw e; // more than the server has room for, though it knows n
      }
    }
    return Promise.all(Array.from({ length: n }, (_, index) => post(index, 1)));
  }
}

/** A generator that says when it is over. */
async function* ending<T>(of: AsyncGenerator<T, void>, end: () => void): AsyncGenerator<T, void> {
  try {
    yield* of;
  } finally {
    end();
  }
}

/** What nobody can tell a server of an answer under way. */
const unsteered = (): never => {
  throw unsupported('answerNow and thinkLonger', 'need a model in this tab');
};

/** Why requests end that somebody stops. */
const ABORTED = new TabseekError('aborted', 'it was stopped');

/** Of servers without a parser, some templates open the thinking unseen. */
function splitThinking(answer: Completion): Completion {
  for (const { message } of answer.choices) {
    if (message.reasoning_content) continue;
    const { content, reasoning } = splitWhole(message.content);
    Object.assign(message, { content, reasoning_content: reasoning });
  }
  return answer;
}
