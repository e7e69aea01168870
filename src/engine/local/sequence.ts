import type { Distribution } from "../../sampling/distribution.ts";
import { drawToken, scoreToken } from "../../sampling/draw.ts";
import type { ScoredToken, TokenId, TokenIds } from "../../core/tokens.ts";
import { tokenUniform } from "../engine.ts";
import type { ExtendRequest } from "../engine.ts";
import type { FollowedText, Foretold } from "../said.ts";
import type { ConstraintState } from "../token-constraint.ts";

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

  /** Whether it wants their self-certainty too. */
  abstract readonly wantsLogitSums: boolean;

  /**
   * Takes the distributions after the `count` tokens just run, the last of which is `tokens[end − 1]`; looks at those
   * after tokens that cannot be reused.
   * @returns whether what was pulled for is there
   */
  abstract absorb(distribution: (index: number) => Distribution, end: number, count: number): boolean;

  /** At most so many tokens that may come next; `undefined` where nothing is foretold. */
  foretell(_most: number): Foretold | undefined {
    return undefined;
  }

  /** Whether a token that was run ahead is the one that came next, and another is wanted. */
  goesOnWith(_token: TokenId): boolean {
    return false;
  }
}

/** Draws tokens after a prefix: one for each time it is advanced, and more where a draft holds. */
export class ExtendSequence extends Sequence {
  readonly #request: ExtendRequest;
  /** What may come next, under a constraint; moves on with each token. */
  #permitted: ConstraintState | undefined;
  readonly #followed: FollowedText | undefined;
  /** Not taken yet. */
  readonly #drawn: ScoredToken[] = [];
  #left: number;

  constructor(request: ExtendRequest) {
    super(request.prefix);
    this.#request = request;
    this.#left = request.maxTokens;
    const { constraint, prefix, promptLength = prefix.length } = request;
    this.#permitted = prefix
      .slice(promptLength)
      .reduce((state, token) => state?.after(token), constraint?.start);
    this.#followed = request.said?.follow(this.tokens);
  }

  /** The last token's logits are what the next one is drawn from. */
  get reusableTokens(): number {
    return this.tokens.length - 1;
  }

  get inverseTemperature(): number {
    return this.#request.sampling.inverseTemperature;
  }

  get wantsLogitSums(): boolean {
    return this.#request.selfCertainty === true;
  }

  /** Whether its last token was drawn and taken. */
  get isOver(): boolean {
    return this.#left === 0 && this.#drawn.length === 0;
  }

  absorb(distribution: (index: number) => Distribution, end: number, count: number): boolean {
    if (end < this.tokens.length) return false;
    const { sampling, topCount, logprobsMode, selfCertainty, endTokens } = this.#request;
    const drawn = drawToken(distribution(count - 1), {
      sampling,
      u: tokenUniform(this.#request, end),
      topCount,
      logprobsMode,
      selfCertainty,
      sequence: this.tokens,
      mask: this.#permitted?.permitted(),
    });
    this.tokens.push(drawn.token);
    this.#drawn.push(drawn);
    this.#left = endTokens.has(drawn.token) ? 0 : this.#left - 1;
    if (this.#left > 0) this.#permitted = this.#permitted?.after(drawn.token);
    return true;
  }

  override foretell(most: number): Foretold | undefined {
    return this.#followed?.foretell(Math.min(most, this.#left - 1));
  }

  override goesOnWith(token: TokenId): boolean {
    return this.#left > 0 && this.tokens.at(-1) === token;
  }

  /** The next token that was drawn and not taken, if any. */
  takeDrawn(): ScoredToken | undefined {
    return this.#drawn.shift();
  }

  /** What it said is listed for other texts of the prompt. */
  close(): void {
    this.#followed?.note();
  }
}

/** Scores given tokens in one advance. */
export class ScoreSequence extends Sequence {
  readonly inverseTemperature = 1;
  readonly wantsLogitSums = false;
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
