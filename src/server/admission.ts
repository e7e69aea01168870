import { InferenceError } from "../core/errors.ts";

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
  "Lower logprobs (top_logprobs in a chat), n, best_of, max_tokens, particles, tries or replicas, leave out echo, entropy or return_token_ids, or split the request.";

const mebibyte = 1024 * 1024;

const inMebibytes = (bytes: number): string => `${Math.ceil(bytes / mebibyte)} MiB`;

/** Counts what is in flight, and turns away what would be too much, so that a queue cannot grow without end. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clients = new Map<string, number>();
  #completions = 0;
  #tokens = 0;
  #answerBytes = 0;

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
    return { completions: this.#completions, tokens: this.#tokens, answerBytes: this.#answerBytes };
  }

  /**
   * Finds out whether there is room, without taking it: what a request is known to want at least is refused before
   * any work is done, tokenising included. A request that no empty server could hold is refused for good.
   * @param shorten how its client can make its answer shorter
   * @throws InferenceError `overloaded` or `invalid_request`
   */
  check({ completions, tokens, answerBytes }: Demand, client: string, shorten = shorterAnswer): void {
    const { maxCompletions, maxTokens, maxAnswerBytes, maxCompletionsPerClient = Infinity } = this.#limits;
    const mostCompletions = Math.min(maxCompletions, maxCompletionsPerClient);
    if (completions > mostCompletions || tokens > maxTokens) {
      throw new InferenceError(
        "invalid_request",
        `The request asks for ${completions} completions and ${tokens} tokens; this server takes ${mostCompletions} and ${maxTokens} at once, what samplers hold beside an answer included. Split it, or lower n, max_tokens, particles, tries or replicas.`,
      );
    }
    if (answerBytes > maxAnswerBytes) {
      throw new InferenceError(
        "invalid_request",
        `The answer could come to ${inMebibytes(answerBytes)} of JSON; this server takes ${inMebibytes(maxAnswerBytes)} at once (serve --max-answers-mib). ${shorten}`,
      );
    }
    const running = this.#clients.get(client) ?? 0;
    if (running + completions > maxCompletionsPerClient) {
      throw new InferenceError(
        "overloaded",
        `You have ${running} completions running and may have ${maxCompletionsPerClient}. Wait for one to end.`,
      );
    }
    if (this.#completions + completions > maxCompletions || this.#tokens + tokens > maxTokens) {
      throw new InferenceError(
        "overloaded",
        `The server is busy with ${this.#completions} completions. Try again in a moment.`,
      );
    }
    if (this.#answerBytes + answerBytes > maxAnswerBytes) {
      throw new InferenceError(
        "overloaded",
        `The server is busy with answers of ${inMebibytes(this.#answerBytes)}, and this one could come to ${inMebibytes(answerBytes)}. Try again in a moment.`,
      );
    }
  }

  /**
   * Takes a request in.
   * @returns gives its room back
   * @throws InferenceError `overloaded` or `invalid_request`
   */
  admit(demand: Demand, client: string, shorten?: string): () => void {
    this.check(demand, client, shorten);
    this.#add(demand, client, 1);
    return () => {
      this.#add(demand, client, -1);
    };
  }

  #add({ completions, tokens, answerBytes }: Demand, client: string, sign: 1 | -1): void {
    this.#completions += sign * completions;
    this.#tokens += sign * tokens;
    this.#answerBytes += sign * answerBytes;
    const running = (this.#clients.get(client) ?? 0) + sign * completions;
    if (running === 0) this.#clients.delete(client);
    else this.#clients.set(client, running);
  }
}
