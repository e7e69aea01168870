import type { Completion, CompletionToken } from "./completion.ts";

/**
 * Reads a proposal along the state that it sets out from. As far as both are the same tokens, the proposal's are the state's own,
 * with the log p and log Z that were recorded when the chain drew them. An engine whose numbers move, or that was asked
 * again after a memo's eviction, says others of them now; taken over, a token would change its weight by no draw at all,
 * and the ratio of two completions would hold the difference of two measurements of what they share.
 *
 * The two tokens at which they part are drawn from one law, too. Where its log Z is known within bounds, the proposal's
 * takes the state's: so that it cancels from the ratio, whatever it is. So it does with the entropy, by which cuts are
 * chosen: the cut that leads there and the one that leads back weigh the same.
 */
export class AsRecorded {
  readonly #state: Completion;
  /** Where the proposal stands in the state; `undefined` once they have parted. */
  #at: number | undefined;
  #shared: number;

  /** @param cut tokens of the state that the proposal keeps */
  constructor(state: Completion, cut: number) {
    this.#state = state;
    this.#at = cut;
    this.#shared = cut;
  }

  /** Tokens at the beginning whose log Z the proposal and the state have in common. */
  get shared(): number {
    return this.#shared;
  }

  /** The proposal's next token, as it was drawn; as the state has it where that says something else of it. */
  take(drawn: CompletionToken): CompletionToken {
    if (this.#at === undefined) return drawn;
    const own = this.#state[this.#at];
    if (own?.token === drawn.token) {
      this.#shared = ++this.#at;
      const { logprob, logNormalizer, logNormalizerGap, entropy } = own;
      const isTheSame =
        logprob === drawn.logprob &&
        logNormalizer === drawn.logNormalizer &&
        logNormalizerGap === drawn.logNormalizerGap &&
        entropy === drawn.entropy;
      return isTheSame ? drawn : own;
    }
    this.#shared = this.#at + 1;
    this.#at = undefined;
    return own === undefined ? drawn : withBoundsOf(own, drawn);
  }
}

/** A token with log Z and entropy of another one that was drawn from the same law, where they are known within bounds. */
function withBoundsOf(own: CompletionToken, drawn: CompletionToken): CompletionToken {
  const isOpenZ = own.logNormalizerGap !== undefined || drawn.logNormalizerGap !== undefined;
  const isOpenEntropy = own.entropyGap !== undefined || drawn.entropyGap !== undefined;
  if (!isOpenZ && !isOpenEntropy) return drawn;
  const { logNormalizer, logNormalizerGap } = isOpenZ ? own : drawn;
  const { entropy, entropyGap } = isOpenEntropy ? own : drawn;
  const { logNormalizerGap: _itsGap, entropyGap: _itsEntropyGap, ...token } = drawn;
  return {
    ...token,
    logNormalizer,
    ...(logNormalizerGap === undefined ? {} : { logNormalizerGap }),
    entropy,
    ...(entropyGap === undefined ? {} : { entropyGap }),
  };
}
