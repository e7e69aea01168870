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

type Bounded = Sampling & { readonly vocabularySize: number };

/** A list of the likeliest tokens, as far as it goes. */
interface Ranked {
  readonly length: number;
  /** Under the tempered law; asked for as far as a truncation looks, since most look at few of many. */
  readonly probability: (rank: number) => number;
}

/** What the truncations leave, one after the other; `undefined` asks for more of the likeliest tokens. */
function keptTokens({ logprobs }: TopTokens, law: Law, sampling: Bounded): Kept | undefined {
  const ranked: Ranked = {
    length: logprobs.length,
    probability: (rank) => Math.exp(logQ(law, logprobs[rank]!)),
  };
  const likely = keepLikely(ranked, sampling);
  return likely && keepNucleus(ranked, likely, sampling);
}

/** Of the tokens that min_p leaves, the k likeliest. */
function keepLikely(
  { length, probability }: Ranked,
  { vocabularySize, topK = vocabularySize, minP = 0 }: Bounded,
): Kept | undefined {
  const most = Math.min(topK, vocabularySize);
  if (most === vocabularySize && minP === 0) return { count: vocabularySize, mass: 1 };
  const floor = minP * probability(0);
  let mass = 0;
  for (let rank = 0; rank < Math.min(length, most); rank++) {
    const next = probability(rank);
    if (next < floor) return { count: rank, mass };
    mass += next;
  }
  return length < most ? undefined : { count: most, mass };
}

/** The fewest that hold top_p of the mass that is left; the likeliest token always stays. */
function keepNucleus({ length, probability }: Ranked, left: Kept, { topP = 1 }: Sampling): Kept | undefined {
  if (topP >= 1) return left;
  let mass = 0;
  for (let rank = 0; rank < Math.min(length, left.count); rank++) {
    if (rank > 0 && mass >= topP * left.mass) return { count: rank, mass };
    mass += probability(rank);
  }
  return length < left.count ? undefined : { count: left.count, mass };
}
