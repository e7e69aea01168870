import type { Completion, CompletionToken } from "./completion.ts";

/**
 * Reads a proposal along the state that it sets out from. As far as both are the same tokens, the proposal's are the state's own,
 * with the log p and log Z that were recorded when the chain drew them. An engine whose numbers move, or that was asked
 * again after a memo's eviction, says others of them now; taken over, a token would change its weight by no draw at all,
 * and the ratio of two completions would hold the difference of two measurements of what they share.
 */
export class AsRecorded {
  readonly #state: Completion;
  /** Where the proposal stands in the state; `undefined` once they have parted. */
  #at: number | undefined;

  /** @param cut tokens of the state that the proposal keeps */
  constructor(state: Completion, cut: number) {
    this.#state = state;
    this.#at = cut;
  }

  /** The proposal's next token, as it was drawn; as the state has it where that says something else of it. */
  take(drawn: CompletionToken): CompletionToken {
    if (this.#at === undefined) return drawn;
    const own = this.#state[this.#at];
    if (own?.token === drawn.token) {
      this.#at++;
      const { logprob, logNormalizer, entropy } = own;
      const isTheSame =
        logprob === drawn.logprob && logNormalizer === drawn.logNormalizer && entropy === drawn.entropy;
      return isTheSame ? drawn : own;
    }
    this.#at = undefined;
    return drawn;
  }
}
