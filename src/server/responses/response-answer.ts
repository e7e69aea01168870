import { EventEmitter, once } from "node:events";
import type { ErrorDescription } from "../../core/errors.ts";
import type { GenerateRequest } from "../../decoder/completer.ts";
import type { GenerationPlan } from "../generation-plan.ts";
import { ChoiceTracker } from "../presenters/choice-tracker.ts";
import type { Finish } from "../presenters/choice-tracker.ts";
import { noTokens } from "../presenters/placed-tokens.ts";
import type { PlacedTokens } from "../presenters/placed-tokens.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ResponseBody, ResponseStatus } from "../schemas/responses/response.ts";
import { nextTurn } from "../turns.ts";

/** What of a plan decides how its answer is shown. */
export interface Shown extends Pick<
  GenerationPlan,
  "logprobs" | "logprobsMode" | "tokensAsIds" | "entropy" | "returnTokenIds"
> {
  readonly requests: readonly Pick<GenerateRequest, "settings">[];
}

/** What a response says of its request, whatever becomes of it. */
export type ResponseHead = Omit<
  ResponseBody,
  "status" | "completed_at" | "error" | "incomplete_details" | "output" | "usage"
>;

/** What an event adds to the answer: a delta of its stream. */
export interface ResponsePart {
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
  /** Texts of the parts, until the end. */
  #pieces: string[] = [];
  /** All of them, from the end on. */
  #text = "";
  /** Where in it each part ends. */
  readonly #ends: number[] = [];
  /** Those of each part, where they are shown. */
  readonly #tokens: PlacedTokens[] = [];
  #finish: Finish | undefined;
  #failure: ErrorDescription | undefined;
  #completedAt: number | null = null;

  constructor(head: ResponseHead, plan: GenerationPlan) {
    this.head = head;
    const { logprobs, logprobsMode, tokensAsIds, entropy, returnTokenIds, requests } = plan;
    const [{ settings }] = requests as readonly [GenerateRequest];
    // Without the prompts: what is stored is not to hold them.
    this.shown = { logprobs, logprobsMode, tokensAsIds, entropy, returnTokenIds, requests: [{ settings }] };
    this.#showsTokens = logprobs !== undefined || entropy !== undefined || returnTokenIds;
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
    return this.#tracker?.tokens ?? this.#outputTokens;
  }

  /** The whole text; empty until the end. */
  get text(): string {
    return this.#text;
  }

  get tokens(): readonly PlacedTokens[] {
    return this.#tokens;
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

  /** @returns what a stream shows of the event, if anything */
  push(event: ChoiceEvent): ResponsePart | undefined {
    const followed = this.#tracker?.follow(event);
    if (followed?.finish !== undefined) this.#end(followed.finish);
    else if (followed !== undefined && (followed.text !== "" || this.#showsTokens)) {
      this.#pieces.push(followed.text);
      this.#ends.push((this.#ends.at(-1) ?? 0) + followed.text.length);
      if (this.#showsTokens) this.#tokens.push(followed.generated);
      this.#changes.emit("change");
      return { text: followed.text, tokens: this.#showsTokens ? followed.generated : noTokens };
    }
    return undefined;
  }

  /** Ends it with what it has come to, because its client left or cancelled it, or for what went wrong. */
  fail(description: ErrorDescription): void {
    if (this.isOver) return;
    if (description.code !== "aborted") this.#failure = description;
    this.#close(description.code === "aborted" ? "cancelled" : "failed");
  }

  /** All parts from the first on, those to come as they come. @throws when the signal is aborted */
  async *read(signal: AbortSignal): AsyncGenerator<ResponsePart, void, undefined> {
    for (let index = 0; ; index++) {
      while (index === this.#ends.length) {
        if (this.isOver) return;
        await once(this.#changes, "change", { signal });
      }
      if (index % partsInTurn === partsInTurn - 1) await nextTurn();
      signal.throwIfAborted();
      yield { text: this.#textOf(index), tokens: this.#tokens[index] ?? noTokens };
    }
  }

  #textOf(part: number): string {
    return this.#pieces[part] ?? this.#text.slice(this.#ends[part - 1] ?? 0, this.#ends[part]);
  }

  #end(finish: Finish): void {
    this.#finish = finish;
    if (finish.reason === "stop") this.#completedAt = now();
    this.#close(finish.reason === "stop" ? "completed" : "incomplete");
  }

  #close(status: ResponseStatus): void {
    this.#outputTokens = this.outputTokens;
    this.#tracker = undefined;
    this.#text = this.#pieces.join("");
    this.#pieces = [];
    this.#status = status;
    this.#changes.emit("change");
  }
}
