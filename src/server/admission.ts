import { InferenceError } from "../core/errors.ts";
import { takesOthersPart } from "./others-part.ts";

export interface AdmissionLimits {
  /** Completions in flight at once. */
  readonly maxCompletions: number;
  /** Tokens that they may come to: prompts and max_tokens together, and what samplers hold beside an answer. */
  readonly maxTokens: number;
  /** JSON that their answers may come to, bytes: see `answerRates`. */
  readonly maxAnswerBytes: number;
  /** Completions in flight at once for each client; no limit of its own when left out. */
  readonly maxCompletionsPerClient?: number | undefined;
}

/** What a request asks for. */
export interface Demand {
  readonly completions: number;
  /** Prompts and max_tokens of all its completions together. */
  readonly tokens: number;
  /** JSON that all its choices come to at most, bytes; those of best_of count, though they are not shown. */
  readonly answerBytes: number;
}

const shorterAnswer =
  "Lower logprobs (top_logprobs in a chat), n, best_of, max_tokens (max_output_tokens of a response), particles, tries or replicas, leave out echo, entropy or return_token_ids, or split the request.";

const nothing: Demand = { completions: 0, tokens: 0, answerBytes: 0 };

const sum = (one: Demand, other: Demand, sign: 1 | -1 = 1): Demand => ({
  completions: one.completions + sign * other.completions,
  tokens: one.tokens + sign * other.tokens,
  answerBytes: one.answerBytes + sign * other.answerBytes,
});

const mebibyte = 1024 * 1024;

const inMebibytes = (bytes: number): string => `${Math.ceil(bytes / mebibyte)} MiB`;

/** Counts what is in flight, and turns away what would be too much, so that a queue cannot grow without end. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clients = new Map<string, Demand>();
  #inFlight = nothing;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Tokens that are taken in at once, when nothing else is in flight. */
  get mostTokens(): number {
    return this.#limits.maxTokens;
  }

  /** Bytes of answers that are taken in at once, when nothing else is in flight. */
  get mostAnswerBytes(): number {
    return this.#limits.maxAnswerBytes;
  }

  get inFlight(): Demand {
    return this.#inFlight;
  }

  /**
   * Finds out whether there is room, without taking it: what a request is known to want at least is refused before
   * any work is done, tokenising included. A request that no empty server could hold is refused for good.
   * @throws InferenceError `overloaded` or `invalid_request`
   */
  check(demand: Demand, client: string): void {
    const { completions, tokens, answerBytes } = demand;
    const { maxCompletions, maxTokens, maxAnswerBytes, maxCompletionsPerClient = Infinity } = this.#limits;
    const mostCompletions = Math.min(maxCompletions, maxCompletionsPerClient);
    if (completions > mostCompletions || tokens > maxTokens) {
      throw new InferenceError(
        "invalid_request",
        `The request asks for ${completions} completions and ${tokens} tokens; this server takes ${mostCompletions} and ${maxTokens} at once, what samplers hold beside an answer included. Split it, or lower n, max_tokens (max_output_tokens of a response), max_tries, particles, tries or replicas.`,
      );
    }
    if (answerBytes > maxAnswerBytes) {
      throw new InferenceError(
        "invalid_request",
        `The answer could come to ${inMebibytes(answerBytes)} of JSON; this server takes ${inMebibytes(maxAnswerBytes)} at once. ${shorterAnswer}`,
      );
    }
    const theirs = this.#clients.get(client) ?? nothing;
    if (theirs.completions + completions > maxCompletionsPerClient) {
      throw new InferenceError(
        "overloaded",
        `You have ${theirs.completions} completions running and may have ${maxCompletionsPerClient}. Wait for one to end.`,
      );
    }
    const inFlight = this.#inFlight;
    const next = sum(inFlight, demand);
    if (next.completions > maxCompletions || next.tokens > maxTokens) {
      throw new InferenceError(
        "overloaded",
        `The server is busy with ${inFlight.completions} completions. Try again in a moment.`,
      );
    }
    if (next.answerBytes > maxAnswerBytes) {
      throw new InferenceError(
        "overloaded",
        `The server is busy with answers of ${inMebibytes(inFlight.answerBytes)}, and this one could come to ${inMebibytes(answerBytes)}. Try again in a moment.`,
      );
    }
    if (this.#takesOthersPart(theirs, next)) {
      throw new InferenceError(
        "overloaded",
        "You have more than half of what this server takes at once, and what is left is for others. Wait for one of your requests to end.",
      );
    }
  }

  /**
   * Takes a request in.
   * @returns gives its room back
   * @throws InferenceError `overloaded` or `invalid_request`
   */
  admit(demand: Demand, client: string): () => void {
    this.check(demand, client);
    this.#add(demand, client, 1);
    return () => {
      this.#add(demand, client, -1);
    };
  }

  /** Whether a client that has this much would take what is for others. */
  #takesOthersPart(theirs: Demand, next: Demand): boolean {
    const { maxCompletions, maxTokens, maxAnswerBytes } = this.#limits;
    const most: Demand = { completions: maxCompletions, tokens: maxTokens, answerBytes: maxAnswerBytes };
    return (["completions", "tokens", "answerBytes"] as const).some((what) =>
      takesOthersPart({ theirs: theirs[what], next: next[what], most: most[what] }),
    );
  }

  #add(demand: Demand, client: string, sign: 1 | -1): void {
    this.#inFlight = sum(this.#inFlight, demand, sign);
    const theirs = sum(this.#clients.get(client) ?? nothing, demand, sign);
    if (Object.values(theirs).every((amount) => amount === 0)) this.#clients.delete(client);
    else this.#clients.set(client, theirs);
  }
}
