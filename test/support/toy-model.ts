import { threefry4x32 } from "../../src/core/random.ts";
import type { TokenId, TokenIds } from "../../src/core/tokens.ts";

/** A language model small enough to list every completion. Its logits are a seeded hash of the whole prefix. */
export interface ToyModel {
  readonly vocabularySize: number;
  readonly endToken: TokenId;
  /** Next-token logits after a prefix. */
  readonly logits: (prefix: TokenIds) => Float32Array;
}

export interface ToyOptions {
  readonly seed?: number;
  readonly vocabularySize?: number;
  /** Added to the end token's logit: above 0 it is common, far below rare. */
  readonly endBias?: number;
  /** Spread of the logits. */
  readonly scale?: number;
}

export function createToyModel({
  seed = 0,
  vocabularySize = 4,
  endBias = 0,
  scale = 3,
}: ToyOptions = {}): ToyModel {
  const endToken = vocabularySize - 1;
  return {
    vocabularySize,
    endToken,
    logits: (prefix) => {
      let hash: readonly [number, number, number, number] = [seed, prefix.length, 0, 0];
      for (const token of prefix) hash = threefry4x32(hash, [token, 0, 0, 0]);
      return Float32Array.from({ length: vocabularySize }, (_, token) => {
        const [word] = threefry4x32(hash, [token, 1, 0, 0]);
        return scale * (word / 2 ** 32 - 0.5) + (token === endToken ? endBias : 0);
      });
    },
  };
}

export interface EnumeratedCompletion {
  readonly tokens: TokenIds;
  readonly logprob: number;
}

/** log p of each next token, from logits. */
export function logSoftmax(logits: Float32Array): number[] {
  const max = Math.max(...logits);
  const logSum = max + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
  return Array.from(logits, (logit) => logit - logSum);
}

/** Every completion of a prompt at a horizon, with log p: the oracle that samplers are measured against. */
export function enumerate(model: ToyModel, prompt: TokenIds, horizon: number): EnumeratedCompletion[] {
  const visit = (tokens: TokenIds, logprob: number): EnumeratedCompletion[] => {
    if (tokens.length === horizon || tokens.at(-1) === model.endToken) return [{ tokens, logprob }];
    return logSoftmax(model.logits([...prompt, ...tokens])).flatMap((next, token) =>
      visit([...tokens, token], logprob + next),
    );
  };
  return visit([], 0);
}

/** p^α over enumerated completions, normalised. */
export function powerDistribution(completions: readonly EnumeratedCompletion[], alpha: number): number[] {
  const weights = completions.map(({ logprob }) => Math.exp(alpha * logprob));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
