import { InferenceError } from "../core/errors.ts";
import type { GenerateRequest } from "../decoder/generator.ts";

export interface AdmissionLimits {
  /** Completions in flight at once. */
  readonly maxCompletions: number;
  /** Tokens that they may come to: prompts and max_tokens together. */
  readonly maxTokens: number;
}

/** Counts what is in flight, and turns away what would be too much, so that a queue cannot grow without end. */
export class Admission {
  readonly #limits: AdmissionLimits;
  #completions = 0;
  #tokens = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get inFlight(): { readonly completions: number; readonly tokens: number } {
    return { completions: this.#completions, tokens: this.#tokens };
  }

  /** Refuses before any work is done, tokenising included, when there is no room at all. @throws InferenceError `overloaded` */
  check(): void {
    if (this.#completions >= this.#limits.maxCompletions) throw this.#overloaded();
  }

  /**
   * Takes the requests in. A request that no empty server could hold is refused for good.
   * @returns gives their room back
   * @throws InferenceError `overloaded` or `invalid_request`
   */
  admit(requests: readonly GenerateRequest[]): () => void {
    const tokens = requests.reduce((sum, { prompt, maxTokens }) => sum + prompt.length + maxTokens, 0);
    const { maxCompletions, maxTokens } = this.#limits;
    if (requests.length > maxCompletions || tokens > maxTokens) {
      throw new InferenceError(
        "invalid_request",
        `The request asks for ${requests.length} completions and ${tokens} tokens; this server takes ${maxCompletions} and ${maxTokens} at once. Split it, or lower n or max_tokens.`,
      );
    }
    if (this.#completions + requests.length > maxCompletions || this.#tokens + tokens > maxTokens) {
      throw this.#overloaded();
    }
    this.#completions += requests.length;
    this.#tokens += tokens;
    return () => {
      this.#completions -= requests.length;
      this.#tokens -= tokens;
    };
  }

  #overloaded(): InferenceError {
    return new InferenceError(
      "overloaded",
      `The server is busy with ${this.#completions} completions. Try again in a moment.`,
    );
  }
}
