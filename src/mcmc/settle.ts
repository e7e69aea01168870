/**
 * Decisions where log Z is known within bounds. Each token brings log Z ∈ [high − gap, high], so a suffix weighs
 *
 *     Σ w_t ∈ [high − gap, high],   high = Σ w_t at the upper bounds,   gap = Σ gap_t
 *
 * and what rests on weights is settled as soon as it is the same for all that they may be. Where it is not, the widest
 * bounds are narrowed, one by one. What cannot be settled is for the caller to decide: by the upper bounds, and counted.
 */
import type { Completion, CompletionToken } from "./completion.ts";

/** [low, high], nats. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** A token within narrower bounds; `undefined` where the engine cannot tell more of it. */
export type Narrow = (completion: Completion, position: number) => Promise<CompletionToken | undefined>;

/** Whether log Z of some token from a position on is known within bounds alone. */
export function hasGaps(completion: Completion, from: number): boolean {
  for (let position = from; position < completion.length; position++)
    if (completion[position]!.logNormalizerGap !== undefined) return true;
  return false;
}

/** How far the weight of the tokens from a position on may be under what it is at the upper bounds, nats. */
export function suffixGap(completion: Completion, from: number): number {
  let sum = 0;
  for (let position = from; position < completion.length; position++)
    sum += completion[position]!.logNormalizerGap ?? 0;
  return sum;
}

/** The tokens of a completion from a place on, as their bounds come nearer to each other. */
export class BoundedSuffix {
  readonly #tokens: CompletionToken[];
  readonly #from: number;
  /** Where the engine cannot tell more. */
  readonly #told = new Set<number>();
  #high = 0;
  #gap: number;

  /** @param from tokens before it weigh the same on both sides of a decision, whatever they weigh */
  constructor(completion: Completion, from: number) {
    this.#tokens = [...completion];
    this.#from = from;
    this.#gap = suffixGap(completion, from);
  }

  get completion(): Completion {
    return this.#tokens;
  }

  /** What the upper bound of its weight has lost since the start, nats: ≤ 0. */
  get high(): number {
    return this.#high;
  }

  /** What its weight is at least, measured from the upper bound at the start. */
  get low(): number {
    return this.#high - this.#gap;
  }

  /** Where its bounds are furthest apart, and may be narrowed. */
  widest(): { readonly position: number; readonly gap: number } | undefined {
    let widest: { position: number; gap: number } | undefined;
    for (let position = this.#from; position < this.#tokens.length; position++) {
      const gap = this.#tokens[position]!.logNormalizerGap ?? 0;
      if (gap > (widest?.gap ?? 0) && !this.#told.has(position)) widest = { position, gap };
    }
    return widest;
  }

  async narrow(position: number, narrow: Narrow): Promise<void> {
    const token = this.#tokens[position]!;
    const narrower = await narrow(this.#tokens, position);
    const { logNormalizerGap: gap = 0 } = token;
    const { logNormalizerGap: narrowerGap = 0 } = narrower ?? token;
    if (narrower === undefined || narrowerGap >= gap) {
      this.#told.add(position);
      return;
    }
    this.#tokens[position] = narrower;
    this.#high += narrower.logNormalizer - token.logNormalizer;
    this.#gap = suffixGap(this.#tokens, this.#from);
  }
}

/**
 * Narrows suffixes until a decision no longer depends on what is left open.
 * @param decide `undefined` while it does
 * @param narrow absent where the engine has no more to tell
 * @returns the decision; `undefined` where it stays open
 */
export async function settle<Decision>(
  suffixes: readonly BoundedSuffix[],
  decide: () => Decision | undefined,
  narrow: Narrow | undefined,
): Promise<Decision | undefined> {
  for (;;) {
    const decision = decide();
    if (decision !== undefined || narrow === undefined) return decision;
    const [widest] = suffixes
      .flatMap((suffix) => {
        const place = suffix.widest();
        return place === undefined ? [] : [{ suffix, ...place }];
      })
      .sort((a, b) => b.gap - a.gap);
    if (widest === undefined) return undefined;
    await widest.suffix.narrow(widest.position, narrow);
  }
}
