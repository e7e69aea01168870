/** An index into the model's vocabulary. */
export type TokenId = number;
export type TokenIds = readonly TokenId[];

/** The likeliest next tokens, most likely first (ties by lower id), with their raw log p. */
export interface TopTokens {
  readonly ids: Int32Array;
  /** log p of each id, nats. */
  readonly logprobs: Float64Array;
}

/** The same as plain numbers: arrays may be views of larger ones, which would cross threads whole. */
export const pairsOf = ({ ids, logprobs }: TopTokens): (readonly [token: TokenId, logprob: number])[] =>
  Array.from(ids, (id, rank) => [id, logprobs[rank]!] as const);

/**
 * A token together with what the model said when it was drawn. These numbers stay with the token for its
 * whole life: recomputing them under another batch shape would change their last bits.
 */
export interface ScoredToken {
  readonly token: TokenId;
  /** log p(token | prefix) of the raw model, nats. */
  readonly logprob: number;
  /**
   * log Z of the law q that it was drawn from, nats: temperature, truncation, mask, penalties and bias included, so
   * that always
   *
   *     log q(token | prefix) = (1/τ)·log p(token | prefix) − log Z
   *
   * with the raw log p. log Σ_v p(v)^{1/τ} where q is tempered and nothing else: 0 at τ = 1, and ≤ 0 for 1/τ ≥ 1,
   * rounding included, which early rejection relies on. An upper bound where `logNormalizerGap` is there.
   */
  readonly logNormalizer: number;
  /**
   * Present where an engine knows log Z within bounds alone: it lies in [logNormalizer − logNormalizerGap,
   * logNormalizer].
   */
  readonly logNormalizerGap?: number;
  /** Shannon entropy of the raw next-token distribution, nats. A lower bound where `entropyGap` is there. */
  readonly entropy: number;
  /** Present where an engine knows the entropy within bounds alone: it lies in [entropy, entropy + entropyGap]. */
  readonly entropyGap?: number;
  /** KL(U ‖ p) of the raw next-token distribution, nats; see sampling/self-certainty.ts. Present when asked for. */
  readonly selfCertainty?: number;
  /** Present when the request asked for it. */
  readonly top?: TopTokens;
}

/** The most that a token's entropy may be, nats: itself where it is known exactly. */
export const mostEntropy = ({
  entropy,
  entropyGap = 0,
}: Pick<ScoredToken, "entropy" | "entropyGap">): number => entropy + entropyGap;

/**
 * Consecutive tokens that come together, at least one: those that are known without asking the model in between.
 * A run may hold more than its reader wants; what is left over cost nothing.
 */
export type TokenRun<Token extends ScoredToken = ScoredToken> = readonly Token[];
