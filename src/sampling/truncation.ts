import type { Distribution, Sampling } from "./distribution.ts";
import { topTokens } from "./distribution.ts";
import { logQ, temperedLaw } from "./law.ts";
import type { Law } from "./law.ts";
import type { TopTokens } from "../core/tokens.ts";

/** A law with a list of the likeliest tokens that holds every token it can draw. */
export interface TruncatedLaw {
  readonly law: Law;
  readonly top: TopTokens;
}

/**
 * The law that truncations leave of a tempered one: log Z gains the log of the mass that is kept. They act in vLLM's
 * order, each on what the one before it left: min_p, top_k, top_p. Most keep few tokens; the rest pay for a longer list.
 */
export function truncate(distribution: Distribution, sampling: Sampling): TruncatedLaw {
  const { vocabularySize } = distribution;
  for (const count of [distribution.top.ids.length, 1024, vocabularySize]) {
    const top = topTokens(distribution, count);
    const whole = temperedLaw(distribution, sampling.inverseTemperature);
    const kept = keptTokens(top, whole, { ...sampling, vocabularySize });
    if (kept === undefined) continue;
    const logNormalizer = whole.logNormalizer + Math.log(kept.mass);
    return { law: { ...whole, logNormalizer, count: kept.count }, top };
  }
  throw new Error("the whole vocabulary holds every token that a truncation keeps");
}

/** The first `count` of the likeliest tokens, and their mass under the tempered law. */
interface Kept {
  readonly count: number;
  readonly mass: number;
}

/** What the truncations leave, one after the other; `undefined` asks for more of the likeliest tokens. */
function keptTokens({ logprobs }: TopTokens, law: Law, sampling: Bounded): Kept | undefined {
  const probabilities = logprobs.map((logprob) => Math.exp(logQ(law, logprob)));
  const likely = keepLikely(probabilities, sampling);
  return likely && keepNucleus(probabilities, likely, sampling);
}

type Bounded = Sampling & { readonly vocabularySize: number };

/** Of the tokens that min_p leaves, the k likeliest. */
function keepLikely(
  probabilities: Float64Array,
  { vocabularySize, topK = vocabularySize, minP = 0 }: Bounded,
): Kept | undefined {
  const most = Math.min(topK, vocabularySize);
  if (most === vocabularySize && minP === 0) return { count: vocabularySize, mass: 1 };
  const floor = minP * probabilities[0]!;
  let mass = 0;
  for (const [rank, probability] of probabilities.entries()) {
    if (rank === most || probability < floor) return { count: rank, mass };
    mass += probability;
  }
  return probabilities.length < most ? undefined : { count: probabilities.length, mass };
}

/** The fewest that hold top_p of the mass that is left; the likeliest token always stays. */
function keepNucleus(probabilities: Float64Array, left: Kept, { topP = 1 }: Sampling): Kept | undefined {
  if (topP >= 1) return left;
  let mass = 0;
  for (const [rank, probability] of probabilities.subarray(0, left.count).entries()) {
    if (rank > 0 && mass >= topP * left.mass) return { count: rank, mass };
    mass += probability;
  }
  return probabilities.length < left.count ? undefined : { count: left.count, mass };
}
