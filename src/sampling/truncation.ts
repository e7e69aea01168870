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
 * The law that a truncation leaves of a tempered one: log Z gains the log of the mass that is kept. Most truncations
 * keep few tokens; the rest pay for a longer list.
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

/** How many of the likeliest tokens are kept, and their mass; `undefined` asks for more of them. */
function keptTokens(
  { logprobs }: TopTokens,
  law: Law,
  { vocabularySize, topK, topP = 1, minP = 0 }: Sampling & { readonly vocabularySize: number },
): { readonly count: number; readonly mass: number } | undefined {
  const isWhole = logprobs.length === vocabularySize;
  const limit = Math.min(topK ?? vocabularySize, vocabularySize);
  if (!isWhole && topK !== undefined && logprobs.length < limit) return undefined;
  const probability = (rank: number): number => Math.exp(logQ(law, logprobs[rank]!));
  let topKMass = 1;
  if (topK !== undefined) {
    topKMass = 0;
    for (let rank = 0; rank < limit; rank++) topKMass += probability(rank);
  }
  const massLimit = topP * topKMass;
  const floor = minP * probability(0);
  let mass = 0;
  for (let rank = 0; rank < Math.min(limit, logprobs.length); rank++) {
    const next = probability(rank);
    // The likeliest token always stays.
    if (rank > 0 && (mass >= massLimit || next < floor)) return { count: rank, mass };
    mass += next;
    if (rank + 1 === limit) return { count: limit, mass };
  }
  return isWhole ? { count: logprobs.length, mass } : undefined;
}
