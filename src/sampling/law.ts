import type { Distribution, LogprobsMode, Sampling } from "./distribution.ts";
import { selectDescending } from "./likeliest.ts";
import type { ScoredToken, TokenId, TopTokens } from "../core/tokens.ts";

/**
 * The law q that a token is drawn from, made of a distribution p:
 *
 *     log q(v) = (1/τ)·log p(v) − log Z,   Z = Σ_v p(v)^{1/τ}   over the `count` likeliest tokens; q = 0 elsewhere
 */
export interface Law {
  /** 1/τ. */
  readonly inverseTemperature: number;
  /** log Z, nats. */
  readonly logNormalizer: number;
  /** See `ScoredToken`: log Z may be so much less. */
  readonly logNormalizerGap?: number | undefined;
  /** How many of the likeliest tokens it can draw; ∞ for all. */
  readonly count: number;
}

/** The law that cuts nothing off. @param logNormalizer log Z at that 1/τ, as a distribution or its tokens carry it */
export const temperedLaw = (
  { logNormalizer }: Pick<Law, "logNormalizer">,
  inverseTemperature: number,
): Law => ({ inverseTemperature, logNormalizer, count: Infinity });

/** log q of a token that has `logprob` under p, nats. */
export const logQ = ({ inverseTemperature, logNormalizer }: Omit<Law, "count">, logprob: number): number =>
  inverseTemperature * logprob - logNormalizer;

/** The first `count` of the likeliest tokens with their log q; −∞ for those that the law cuts off. */
export function sampledTop({ ids, logprobs }: TopTokens, count: number, law: Law): TopTokens {
  return {
    ids: ids.slice(0, count),
    logprobs: logprobs
      .slice(0, count)
      .map((logprob, rank) => (rank < law.count ? logQ(law, logprob) : -Infinity)),
  };
}

/** What is to be told of the likeliest tokens beside a drawn one. */
export interface TopRequest {
  /** How many; 0 for none. */
  readonly topCount: number;
  /** The law whose log-probs they have; the raw model when left out. */
  readonly logprobsMode?: LogprobsMode | undefined;
  readonly sampling: Pick<Sampling, "inverseTemperature">;
}

/** A token with as many of the likeliest as were asked for, under the law asked for. @param top raw, at least so many */
export function withTop<Token extends ScoredToken>(
  token: Token,
  top: TopTokens,
  { topCount: count, logprobsMode, sampling: { inverseTemperature } }: TopRequest,
): Token {
  if (count === 0) return token;
  if (logprobsMode === "sampled")
    return { ...token, top: sampledTop(top, count, temperedLaw(token, inverseTemperature)) };
  return { ...token, top: { ids: top.ids.subarray(0, count), logprobs: top.logprobs.subarray(0, count) } };
}

/**
 * Draws by inverse CDF in descending probability, looking at the top tokens alone: the same top tokens, log Z and `u`
 * give the same token. The engine and the memo share this function.
 * @returns the token's rank; `undefined` when the law reaches beyond the top tokens and `u` falls there
 */
export function drawFromTop(top: TopTokens, law: Law, u: number): number | undefined {
  const { logprobs } = top;
  const isWhole = law.count <= logprobs.length;
  const count = isWhole ? law.count : logprobs.length;
  let cumulative = 0;
  for (let rank = 0; rank < count; rank++) {
    cumulative += Math.exp(logQ(law, logprobs[rank]!));
    if (u < cumulative) return rank;
  }
  return isWhole ? lastPossible(top, count) : undefined;
}

/**
 * The same where log Z is known within bounds: each border of the CDF, Σ p^{1/τ} / Z, then lies between two values.
 * @returns the token's rank; `beyond` when u falls past the top tokens; `open` when that depends on log Z
 */
export function placeInTop(top: TopTokens, law: Law, u: number): number | "beyond" | "open" {
  const { logprobs } = top;
  const isWhole = law.count <= logprobs.length;
  const count = isWhole ? law.count : logprobs.length;
  // Z at its lower bound makes shares larger.
  const stretch = Math.exp(law.logNormalizerGap ?? 0);
  let cumulative = 0;
  for (let rank = 0; rank < count; rank++) {
    const before = cumulative * stretch;
    cumulative += Math.exp(logQ(law, logprobs[rank]!));
    if (u < cumulative) return u < before ? "open" : rank;
  }
  if (isWhole) return lastPossible(top, count);
  return u < cumulative * stretch ? "open" : "beyond";
}

/**
 * The rank meant where rounding leaves a whole CDF a hair under `u`: the last of the first `count` tokens that can
 * be drawn at all. Tokens of probability 0, which logits of −∞ forbid, stand behind it.
 */
function lastPossible({ logprobs }: TopTokens, count: number): number {
  let rank = count - 1;
  while (rank > 0 && logprobs[rank] === -Infinity) rank--;
  return rank;
}

/**
 * Draws when `u` falls beyond the top tokens: the rest of the same CDF, over the whole row. Takes a few passes over
 * the row and sorts nothing. Where rounding left the CDF under `u` and nothing is beyond the top, its last token.
 */
export function drawFromTail(
  { top, vocabularySize, readLogits, logSum }: Distribution,
  law: Law,
  u: number,
): TokenId {
  const last = (): TokenId => top.ids[lastPossible(top, top.ids.length)]!;
  if (top.ids.length === vocabularySize) return last();
  const probability = (logprob: number): number => Math.exp(logQ(law, logprob));
  const logits = readLogits();
  const weights = new Float64Array(vocabularySize);
  for (let id = 0; id < logits.length; id++) weights[id] = probability(logits[id]! - logSum);
  let cumulative = 0;
  for (const [rank, id] of top.ids.entries()) {
    cumulative += probability(top.logprobs[rank]!);
    weights[id] = 0;
  }
  return selectDescending(logits, weights, u - cumulative) ?? last();
}
