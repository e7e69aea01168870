import { drawToken, scoreToken } from "../core/draw.ts";
import { measure } from "../core/measure.ts";
import { uniform } from "../core/random.ts";
import type { ScoredToken, TokenIds } from "../core/tokens.ts";
import type { Lane } from "../kvcache/lanes.ts";
import type { ExtendRequest } from "./engine.ts";

/**
 * Tokens being run through the model. Waiting sequences have no lane; those pulled take part in the next pass.
 * What becomes of the logits is the subclass's business.
 */
export abstract class Sequence {
  /** Everything to be run, ascending. Grows when a token is drawn. */
  readonly tokens: number[];
  /** How many of `tokens` have their K/V in the lane. */
  cached = 0;
  lane: Lane | undefined;

  constructor(tokens: TokenIds) {
    this.tokens = [...tokens];
  }

  /** Whether the K/V of a shared prefix may stand in for running it. */
  abstract readonly reusesPrefix: boolean;

  /**
   * Takes the logits of the `count` tokens just run, the last of which is `tokens[end − 1]`.
   * @returns whether what was pulled for is there
   */
  abstract absorb(logits: (index: number) => Float32Array, end: number, count: number): boolean;
}

/** Draws tokens after a prefix, one for each time it is advanced. */
export class ExtendSequence extends Sequence {
  readonly reusesPrefix = true;
  readonly #request: ExtendRequest;
  #drawn: ScoredToken | undefined;

  constructor(request: ExtendRequest) {
    super(request.prefix);
    this.#request = request;
  }

  absorb(logits: (index: number) => Float32Array, end: number, count: number): boolean {
    if (end < this.tokens.length) return false;
    const { sampling, draws, topCount, logprobsMode } = this.#request;
    this.#drawn = drawToken(measure(logits(count - 1), sampling.inverseTemperature), {
      sampling,
      u: uniform(draws, "token", end),
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
  // Cached K/V has no logits to go with it, so every position is run.
  readonly reusesPrefix = false;
  readonly scores: ScoredToken[] = [];
  readonly #topCount: number;

  constructor(tokens: TokenIds, topCount: number) {
    super(tokens);
    this.#topCount = topCount;
  }

  absorb(logits: (index: number) => Float32Array, end: number, count: number): boolean {
    for (let index = 0; index < count; index++) {
      const next = this.tokens[end - count + index + 1];
      if (next !== undefined) this.scores.push(scoreToken(measure(logits(index), 1), next, this.#topCount));
    }
    return end === this.tokens.length;
  }
}
