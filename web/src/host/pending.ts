// A request under way, with what it has said so far: enough to go on with it on another device.

import type { LogitsRows } from '../shared/messages';
import type { EngineEvent, EngineRequest, ExpertCounts, Message, Params, RequestType, Usage } from '../shared/messages.gen';

export class Pending {
  start = performance.now();
  /** When its decoding began; 0 before that. */
  decoding = 0;
  /** What a request of logits gathers. */
  logits: LogitsRows | undefined;
  /** What a request of experts has brought. */
  experts: ExpertCounts | undefined;
  /** Whether lanes have been told of it. They begin anew on another device. */
  hasLanes = false;
  private content = '';
  private reasoning = '';
  private readonly tokens: number[] = [];
  private reasoningTokens = 0;
  /** How many of the tokens are part of what the engine was last asked to go on with. */
  private resumed = { tokens: 0, reasoningTokens: 0 };

  constructor(
    readonly type: RequestType,
    private readonly json: string,
  ) {
    if (type === 'logits') this.logits = { rows: [], drafts: [] };
  }

  add({ content = '', reasoning = '', tokens = [] }: EngineEvent): void {
    this.content += content;
    this.reasoning += reasoning;
    for (const id of tokens) this.tokens.push(id);
    if (this.content === '') this.reasoningTokens = this.tokens.length;
  }

  /** Whether it has been gone on with: what it reads then, the caller does not need to hear of. */
  get goesOn(): boolean {
    return this.resumed.tokens > 0;
  }

  /** The request for what is still missing. Draws depend on seed and position alone, so the answer goes on as it would have. */
  rest(): string {
    if (this.logits) this.logits = { rows: [], drafts: [] };
    if (this.tokens.length === 0 || this.logits) return this.json;
    this.resumed = { tokens: this.tokens.length, reasoningTokens: this.reasoningTokens };
    const request = JSON.parse(this.json) as EngineRequest;
    const params = this.restOf(request.params ?? {});
    if (this.type === 'generate') return JSON.stringify({ ...request, params, tokens: [...(request.tokens ?? []), ...this.tokens] });
    return JSON.stringify({ ...request, params, messages: this.messages(request.messages ?? []) });
  }

  private restOf(params: Params): Params {
    const rest = { ...params };
    for (const limit of ['max_tokens', 'max_completion_tokens'] as const) {
      if (rest[limit]) rest[limit] = Math.max(1, rest[limit] - this.tokens.length);
    }
    return rest;
  }

  /** With the answer so far as a last message, which is continued; the caller may have begun it. */
  private messages(messages: Message[]): Message[] {
    const last = messages.at(-1);
    const begun = last?.role === 'assistant' ? last : undefined;
    const text = (part: Message['content']): string => (typeof part === 'string' ? part : part.map((p) => p.text).join(''));
    const answer: Message = { role: 'assistant', content: text(begun?.content ?? '') + this.content };
    const reasoning = (begun?.reasoning_content ?? '') + this.reasoning;
    if (reasoning) answer.reasoning_content = reasoning;
    return [...(begun ? messages.slice(0, -1) : messages), answer];
  }

  /** The usage of the whole answer, of which the engine may have seen the end only. */
  usage(u: Usage): Usage {
    const { tokens, reasoningTokens } = this.resumed;
    return {
      ...u,
      prompt_tokens: Math.max(0, u.prompt_tokens - tokens),
      completion_tokens: u.completion_tokens + tokens,
      reasoning_tokens: u.reasoning_tokens + reasoningTokens,
    };
  }
}
