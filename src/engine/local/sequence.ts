import type { Distribution } from "../../sampling/distribution.ts";
import { drawToken, scoreToken } from "../../sampling/draw.ts";
import type { ScoredToken, TokenIds } from "../../core/tokens.ts";
import { tokenUniform } from "../engine.ts";
import type { ExtendRequest } from "../engine.ts";

/**
 * Tokens to be run through the model, and what becomes of the logits, which is the subclass's business. Knows no lanes:
 * the scheduler has an `OpenSequence` for it, and a `PlacedSequence` while it holds a lane.
 */
export abstract class Sequence {
  /** Everything to be run, ascending. Grows when a token is drawn. */
  readonly tokens: number[];

  constructor(tokens: TokenIds) {
    this.tokens = [...tokens];
  }

  /** How many of its tokens may take their K/V from another lane or the prefix store. */
  abstract readonly reusableTokens: number;

  /** The 1/τ at which it wants its distributions. */
  abstract readonly inverseTemperature: number;

  /**
   * Takes the distributions after the `count` tokens just run, the last of which is `tokens[end − 1]`; looks at those
   * after tokens that cannot be reused.
   * @returns whether what was pulled for is there
   */
  abstract absorb(distribution: (index: number) => Distribution, end: number, count: number): boolean;
}

/** Draws tokens after a prefix, one for each time it is advanced. */
export class ExtendSequence extends Sequence {
  readonly #request: ExtendRequest;
  #drawn: ScoredToken | undefined;

  constructor(request: ExtendRequest) {
    super(request.prefix);
    this.#request = request;
  }

  /** The last token's logits are what the next one is drawn from. */
  get reusableTokens(): number {
    return this.tokens.length - 1;
  }

  get inverseTemperature(): number {
    return this.#request.sampling.inverseTemperature;
  }

  absorb(distribution: (index: number) => Distribution, end: number, count: number): boolean {
    if (end < this.tokens.length) return false;
    const { sampling, topCount, logprobsMode } = this.#request;
    this.#drawn = drawToken(distribution(count - 1), {
      sampling,
      u: tokenUniform(this.#request, end),
      topCount,
      logprobsMode,
      sequence: this.tokens,
    });
    this.tokens.push(this.#drawn.token);
    return true;
  }

  /** The token that the last advance drew. */
  takeDrawn(): ScoredToken {
    if (this.#drawn === undefined) throw new Error("no token was drawn");
    const drawn = this.#drawn;
    this.#drawn = undefined;
    return drawn;
  }
}

/** Scores given tokens in one advance. */
export class ScoreSequence extends Sequence {
  readonly inverseTemperature = 1;
  readonly scores: ScoredToken[] = [];
  readonly #topCount: number;

  constructor(tokens: TokenIds, topCount: number) {
    super(tokens);
    this.#topCount = topCount;
  }

  /** K/V has no logits to go with it, so every position is run once. */
  get reusableTokens(): number {
    return this.scores.length;
  }

  absorb(distribution: (index: number) => Distribution, end: number, count: number): boolean {
    // Tokens that run a second time, since their K/V was lost with the lane, have their scores already.
    for (let index = this.scores.length - (end - count); index < count; index++) {
      const next = this.tokens[end - count + index + 1];
      if (next !== undefined) this.scores.push(scoreToken(distribution(index), next, this.#topCount));
    }
    return end === this.tokens.length;
  }
}
