import type { TokenIds } from "../core/tokens.ts";
import { mean } from "./statistics.ts";

/** How two models see the same tokens, each given those before it. */
export interface Agreement {
  /** Compared. */
  readonly tokens: number;
  /** exp of the mean −log p of the tokens under each. */
  readonly perplexity: number;
  readonly referencePerplexity: number;
  /** Mean of log p under the model less that under the reference, and its standard error, nats a token. */
  readonly gain: number;
  readonly gainError: number;
  /** Mean and largest |difference| of a token's log p, nats. */
  readonly meanDifference: number;
  readonly largestDifference: number;
  /** Mean of KL(reference ‖ model) = Σ_v p(v)·(log p(v) − log q(v)), nats a token. */
  readonly divergence: number;
  /** Share of positions at which both find the same token likeliest. */
  readonly sameLikeliest: number;
}

/** Gathers the agreement of two models, position by position. */
export class AgreementTally {
  readonly #logprobs: number[] = [];
  readonly #referenceLogprobs: number[] = [];
  #divergence = 0;
  #same = 0;

  /**
   * @param logits of the model and of the reference [vocabulary] before `token`. Where one vocabulary is padded, what is
   *   beyond the other is left out.
   */
  add(token: number, logits: Float32Array, reference: Float32Array): void {
    const size = Math.min(logits.length, reference.length);
    const [q, p] = [logProbabilities(logits, size), logProbabilities(reference, size)];
    this.#logprobs.push(q[token]!);
    this.#referenceLogprobs.push(p[token]!);
    let divergence = 0;
    for (let id = 0; id < size; id++)
      if (p[id]! > -Infinity) divergence += Math.exp(p[id]!) * (p[id]! - q[id]!);
    this.#divergence += divergence;
    if (likeliest(q) === likeliest(p)) this.#same++;
  }

  /** @throws RangeError where nothing was compared */
  get result(): Agreement {
    const tokens = this.#logprobs.length;
    if (tokens === 0) throw new RangeError("nothing was compared");
    const differences = this.#logprobs.map((logprob, index) => logprob - this.#referenceLogprobs[index]!);
    const gain = mean(differences);
    const variance = mean(differences.map((difference) => (difference - gain) ** 2));
    const sizes = differences.map(Math.abs);
    return {
      tokens,
      perplexity: Math.exp(-mean(this.#logprobs)),
      referencePerplexity: Math.exp(-mean(this.#referenceLogprobs)),
      gain,
      gainError: Math.sqrt(variance / tokens),
      meanDifference: mean(sizes),
      largestDifference: Math.max(...sizes),
      divergence: this.#divergence / tokens,
      sameLikeliest: this.#same / tokens,
    };
  }
}

function logProbabilities(logits: Float32Array, size: number): Float64Array {
  const values = Float64Array.from(logits.subarray(0, size));
  const most = values.reduce((largest, value) => Math.max(largest, value), -Infinity);
  const logSum = most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
  return values.map((logit) => logit - logSum);
}

const likeliest = (values: Float64Array): number =>
  values.reduce((best, value, id) => (value > values[best]! ? id : best), 0);

/** Pieces of a text as long as a context, the last of at least two tokens: a first token has nothing before it. */
export function windowsOf(tokens: TokenIds, length: number): TokenIds[] {
  const windows: TokenIds[] = [];
  for (let start = 0; start + 1 < tokens.length; start += length)
    windows.push(tokens.slice(start, start + length));
  return windows.filter((window) => window.length > 1);
}
