import { EventEmitter, once } from "node:events";
import type { ErrorDescription } from "../../core/errors.ts";
import type { GenerateRequest } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import { ChoiceTracker } from "../presenters/choice-tracker.ts";
import type { Finish } from "../presenters/choice-tracker.ts";
import { MessageReader } from "../presenters/message-reader.ts";
import type { MessageDelta } from "../presenters/message-reader.ts";
import { joined, noTokens } from "../presenters/placed-tokens.ts";
import type { PlacedTokens } from "../presenters/placed-tokens.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { CallDelta } from "../schemas/tools.ts";
import type { ResponseBody, ResponseStatus } from "../schemas/responses/response.ts";
import type { Standing } from "../selection/race.ts";
import { nextTurn } from "../turns.ts";
import { AnswerItem } from "./answer-item.ts";

/** What of a plan decides how its answer is shown. */
export interface Shown extends Pick<
  GenerationPlan,
  "logprobs" | "logprobsMode" | "tokensAsIds" | "entropy" | "selfCertainty" | "returnTokenIds"
> {
  readonly requests: readonly Pick<GenerateRequest, "settings">[];
}

/** What a response says of its request, whatever becomes of it. */
export type ResponseHead = Omit<
  ResponseBody,
  "status" | "completed_at" | "error" | "incomplete_details" | "output" | "usage"
>;

/** More of an item: a delta of the answer's stream. */
export interface ResponsePart {
  /** Which of the output's items. */
  readonly index: number;
  readonly item: AnswerItem;
  readonly text: string;
  readonly tokens: PlacedTokens;
}

/** Parts that a reader takes from the record before others get the thread. */
const partsInTurn = 256;

/** Answers begin without a prompt. */
const noEcho = (): never => {
  throw new Error("a response echoes no prompt");
};

const now = (): number => Math.floor(Date.now() / 1000);

/**
 * One response as it comes to be, and what it has come to: written by the request that runs it, read by any number of
 * others, piece by piece from the beginning or as a whole.
 */
export class ResponseAnswer {
  readonly head: ResponseHead;
  readonly shown: Shown;
  readonly inputTokens: number;
  readonly #showsTokens: boolean;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  /** Counts and sums; until the end. */
  #tracker: ChoiceTracker | undefined = new ChoiceTracker(0, [], noEcho);
  #status: ResponseStatus;
  #hasBegun = false;
  #outputTokens = 0;
  readonly #items: AnswerItem[] = [];
  /** All that was generated, where it is shown. */
  readonly #generated: PlacedTokens[] = [];
  /** Tells calls from what is said; until the end. */
  #reader: MessageReader | undefined;
  /** Those of a text that may yet be a call's. */
  #held: PlacedTokens[] = [];
  #standing: Standing | undefined;
  #finish: Finish | undefined;
  #failure: ErrorDescription | undefined;
  #completedAt: number | null = null;

  constructor(head: ResponseHead, plan: GenerationPlan) {
    this.head = head;
    const { logprobs, logprobsMode, tokensAsIds, entropy, selfCertainty, returnTokenIds, requests } = plan;
    const [{ settings }] = requests as readonly [GenerateRequest];
    // Without the prompts: what is stored is not to hold them.
    this.shown = {
      ...{ logprobs, logprobsMode, tokensAsIds, entropy, selfCertainty, returnTokenIds },
      requests: [{ settings }],
    };
    this.#showsTokens = logprobs !== undefined || entropy !== undefined || returnTokenIds;
    this.#reader = new MessageReader(plan.tools);
    this.inputTokens = plan.prompts[0]!.length;
    this.#status = head.background ? "queued" : "in_progress";
  }

  /** Whether its run was let in. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  get status(): ResponseStatus {
    return this.#status;
  }

  get isOver(): boolean {
    return this.#status !== "queued" && this.#status !== "in_progress";
  }

  get outputTokens(): number {
    return this.#standing?.tokens ?? this.#tracker?.tokens ?? this.#outputTokens;
  }

  /** How the candidates stand that it is chosen among, where it is. */
  get standing(): Standing | undefined {
    return this.#standing;
  }

  get generated(): PlacedTokens {
    return joined(this.#generated);
  }

  get items(): readonly AnswerItem[] {
    return this.#items;
  }

  get finish(): Finish | undefined {
    return this.#finish;
  }

  get failure(): ErrorDescription | undefined {
    return this.#failure;
  }

  /** Unix time, seconds. */
  get completedAt(): number | null {
    return this.#completedAt;
  }

  /** The run has been let in. */
  start(): void {
    this.#hasBegun = true;
    this.#status = "in_progress";
    this.#changes.emit("change");
  }

  /** @returns what a stream shows of the event */
  push(event: ChoiceEvent): ResponsePart[] {
    if (event.type === "standing") this.#standing = event.standing;
    const followed = this.#tracker?.follow(event);
    if (followed === undefined) return [];
    const { finish } = followed;
    if (finish === undefined) {
      if (this.#showsTokens) this.#generated.push(followed.generated);
      return this.#add(this.#reader!.pushInOrder(followed.text), followed.generated);
    }
    const parts = this.#add(this.#reader!.endInOrder(), noTokens);
    // An answer without a word is a message all the same.
    if (this.#items.length === 0) this.#items.push(new AnswerItem());
    this.#finish = finish;
    if (finish.reason === "stop") this.#completedAt = now();
    this.#close(finish.reason === "stop" ? "completed" : "incomplete");
    return parts;
  }

  /** Ends it with what it has come to, because its client left or cancelled it, or for what went wrong. */
  fail(description: ErrorDescription): void {
    if (this.isOver) return;
    if (description.code !== "aborted") this.#failure = description;
    this.#close(description.code === "aborted" ? "cancelled" : "failed");
  }

  /** All parts from the first on, those to come as they come. @throws when the signal is aborted */
  async *read(signal: AbortSignal): AsyncGenerator<ResponsePart, void, undefined> {
    let index = 0;
    let read = 0;
    for (let count = 1; ; count++) {
      while (read === (this.#items[index]?.pieces ?? 0)) {
        if (index + 1 < this.#items.length) [index, read] = [index + 1, 0];
        else if (this.isOver) return;
        else await once(this.#changes, "change", { signal });
      }
      if (count % partsInTurn === 0) await nextTurn();
      signal.throwIfAborted();
      yield this.#part(index, read++);
    }
  }

  #part(index: number, piece: number): ResponsePart {
    const item = this.#items[index]!;
    return { index, item, text: item.textOf(piece), tokens: item.tokensOf(piece) ?? noTokens };
  }

  /** @param tokens those that came with the text */
  #add(deltas: Iterable<MessageDelta>, tokens: PlacedTokens): ResponsePart[] {
    if (this.#showsTokens && tokens.length > 0) this.#held.push(tokens);
    const parts: ResponsePart[] = [];
    for (const { content, tool_calls: calls = [] } of deltas) {
      // Tokens without a text are told as they come, unless they may be a call's.
      if (content !== undefined && (content !== "" || this.#held.length > 0)) parts.push(this.#say(content));
      for (const delta of calls) parts.push(this.#call(delta));
    }
    if (parts.length > 0) this.#changes.emit("change");
    return parts;
  }

  #say(content: string): ResponsePart {
    const tokens = this.#showsTokens ? joined(this.#held) : undefined;
    this.#held = [];
    return this.#grow(this.#message(), content, tokens);
  }

  #call({ id, function: said }: CallDelta): ResponsePart {
    this.#held = [];
    const item =
      id === undefined ? this.#items.at(-1)! : this.#begin(new AnswerItem({ id, name: said.name! }));
    return this.#grow(item, said.arguments ?? "");
  }

  /** The message that goes on, or a new one. */
  #message(): AnswerItem {
    const last = this.#items.at(-1);
    return last !== undefined && last.call === undefined ? last : this.#begin(new AnswerItem());
  }

  #begin(item: AnswerItem): AnswerItem {
    this.#items.at(-1)?.end();
    this.#items.push(item);
    return item;
  }

  #grow(item: AnswerItem, text: string, tokens?: PlacedTokens): ResponsePart {
    item.push(text, tokens);
    return this.#part(this.#items.length - 1, item.pieces - 1);
  }

  #close(status: ResponseStatus): void {
    this.#outputTokens = this.outputTokens;
    this.#tracker = undefined;
    this.#reader = undefined;
    this.#held = [];
    this.#items.at(-1)?.end();
    this.#status = status;
    this.#changes.emit("change");
  }
}
