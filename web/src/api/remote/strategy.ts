// One answer made of several that a server elsewhere gives. The panel that leads them is that of the engine in this tab
// (engine/panel/remote in Go): engine.wasm, which needs neither a model nor a GPU for it. It says which answers to ask for and
// when to end them, and is told what they say.

import { Message as Wire } from '../../host/abi.gen';
import { Guest } from '../../host/guest';
import { TabseekError } from '../../shared/messages';
import type { EngineEvent, EngineRequest, Message, Strategy, Usage } from '../../shared/messages.gen';
import { judged, type Run, type Step, type VerifierFunction } from '../connection';
import { encode } from '../encode';
import type { Counts, Piece } from './answer';
import { NO_WORK } from './choices';

/** What the engine is called in this build (web/build). */
declare const ENGINE_URL: string;

/** So many answers are asked for at once: as many as an engine in this tab computes side by side. */
const AT_ONCE = 16;

/** Asks the server for the answer of a trace. */
export type AskTrace = (messages: Message[], trace: number, signal: AbortSignal) => Promise<AsyncGenerator<Piece, void>>;

/** What a strategy is led with. */
export interface Means {
  ask: AskTrace;
  signal: AbortSignal;
  verifier?: VerifierFunction;
  wasmURL?: string;
}

/** One for all strategies, by where it comes from. */
const guests = new Map<string, Promise<Guest>>();
let lastID = 0;

function guestFrom(url: string): Promise<Guest> {
  const guest = guests.get(url) ?? Guest.open(new URL(url));
  guests.set(url, guest);
  guest.catch(() => guests.delete(url));
  return guest;
}

/** Begins a strategy. Throws what its panel refuses. The signal ends it with what there is. */
export async function lead(messages: Message[], strategy: Strategy, { ask, signal, verifier, wasmURL }: Means): Promise<Run> {
  const guest = await guestFrom(wasmURL ?? new URL(ENGINE_URL, import.meta.url).href);
  const led = new Led(guest, ++lastID, messages, ask, verifier);
  led.begin(strategy);
  signal.addEventListener('abort', () => led.cancel());
  if (signal.aborted) led.cancel();
  return { steps: led.steps(), steer: () => {} };
}

/** A strategy under way. */
class Led {
  private readonly queue: Step[] = [];
  private wake = () => {};
  private failure: unknown;
  private over = false;
  /** Traces that are to begin, in order, and those that are asked for. */
  private waiting: { trace: number; messages: Message[] }[] = [];
  private readonly asked = new Map<number, AbortController>();
  /** What the server counts, of each trace; and pieces of text, which stand in where it does not. */
  private readonly counts = new Map<number, Counts>();
  private readonly parts = new Map<number, { all: number; reasoning: number }>();

  constructor(
    private readonly guest: Guest,
    private readonly id: number,
    private readonly messages: Message[],
    private readonly ask: AskTrace,
    private readonly verifier: VerifierFunction | undefined,
  ) {}

  begin(strategy: Strategy): void {
    this.tell({ type: 'panel', messages: this.messages, params: { strategy } });
    if (this.failure) throw this.failure;
  }

  cancel(): void {
    this.tell({ type: 'cancel' });
  }

  /** What comes of it, up to its end. Leaving early ends the answers. */
  async *steps(): AsyncGenerator<Step, void> {
    try {
      for (;;) {
        while (this.queue.length === 0 && !this.failure) await new Promise<void>((resolve) => (this.wake = resolve));
        const step = this.queue.shift();
        if (!step) throw this.failure;
        yield step;
        if (step.kind === 'done') return;
      }
    } finally {
      this.cancel();
      this.endAll();
    }
  }

  private push(step: Step): void {
    this.queue.push(step);
    this.wake();
  }

  private fail(e: unknown): void {
    this.failure ??= e;
    this.over = true;
    this.endAll();
    this.wake();
  }

  private endAll(): void {
    this.waiting = [];
    for (const controller of this.asked.values()) controller.abort();
  }

  /** Tells the panel something, and does what it wants done then. */
  private tell(request: Omit<EngineRequest, 'id'>): void {
    if (this.over) return;
    try {
      const frames = this.guest.send(Wire.Request, new TextEncoder().encode(encode({ ...request, id: this.id })));
      for (const frame of frames) if (frame.op === 'event') this.take(frame.event as EngineEvent);
    } catch (e) {
      this.fail(e);
    }
    while (this.asked.size < AT_ONCE && this.waiting.length > 0) void this.run(this.waiting.shift()!);
  }

  private take(e: EngineEvent): void {
    const { id } = this;
    switch (e.type) {
      case 'begin':
        this.waiting.push({ trace: e.lane!.trace, messages: e.messages ?? this.messages });
        return;
      case 'cut':
        this.waiting = this.waiting.filter(({ trace }) => trace !== e.lane!.trace);
        this.asked.get(e.lane!.trace)?.abort();
        return;
      case 'lane':
        return this.push({ kind: 'lane', id, lane: e.lane! });
      case 'tally':
        return this.push({ kind: 'tally', id, tally: e.tally! });
      case 'verify':
        return void this.judge(e.lane!.trace, e.lane!.content ?? '');
      case 'delta':
        return this.push({ kind: 'delta', id, content: e.content ?? '', reasoning: e.reasoning ?? '', tokens: [] });
      case 'done':
        this.over = true;
        return this.push({ kind: 'done', id, finish_reason: e.finish_reason!, usage: this.usage(), stats: NO_WORK, tabseek: e.tabseek });
      case 'error':
        return this.fail(new TabseekError(e.code!, e.message!, e.param ? { param: e.param } : {}));
    }
  }

  private async judge(trace: number, content: string): Promise<void> {
    try {
      this.tell({ type: 'verdict', trace, accepted: await judged(this.verifier, content) });
    } catch (e) {
      this.fail(e);
    }
  }

  /** Asks for a trace, and tells the panel what it says. */
  private async run({ trace, messages }: { trace: number; messages: Message[] }): Promise<void> {
    const controller = new AbortController();
    this.asked.set(trace, controller);
    let finish: EngineRequest['finish_reason'];
    try {
      for await (const piece of await this.ask(messages, trace, controller.signal)) {
        if (piece.kind === 'delta') this.say(trace, piece.content, piece.reasoning);
        else if (piece.kind === 'usage') this.counts.set(trace, piece.counts);
        else finish = piece.reason;
      }
    } catch (e) {
      if (!controller.signal.aborted) this.fail(e);
    }
    this.asked.delete(trace);
    if (controller.signal.aborted) return this.tell({ type: 'ended', trace, finish_reason: 'abort' });
    this.tell({ type: 'ended', trace, finish_reason: finish ?? 'stop' });
  }

  private say(trace: number, content: string, reasoning: string): void {
    const parts = this.parts.get(trace) ?? { all: 0, reasoning: 0 };
    this.parts.set(trace, { all: parts.all + 1, reasoning: parts.reasoning + (reasoning ? 1 : 0) });
    this.tell({ type: 'said', trace, ...(content && { content }), ...(reasoning && { reasoning }) });
  }

  /** Of all traces; the prompt counts once. */
  private usage(): Usage {
    const usage: Usage = { prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 };
    for (const [trace, parts] of this.parts) {
      const told = this.counts.get(trace);
      const all = told?.completion_tokens ?? parts.all;
      usage.prompt_tokens ||= told?.prompt_tokens ?? 0;
      usage.completion_tokens += all;
      usage.reasoning_tokens += Math.min(all, told?.completion_tokens_details?.reasoning_tokens || parts.reasoning);
    }
    return usage;
  }
}
