import type { Distribution } from "../../sampling/distribution.ts";
import { drawToken, scoreToken } from "../../sampling/draw.ts";
import { uniform } from "../../core/random.ts";
import type { ScoredToken, TokenIds } from "../../core/tokens.ts";
import type { Lane } from "../../kvcache/lanes.ts";
import type { ExtendRequest, Share } from "../engine.ts";
import type { Pull } from "./pull.ts";
import type { Tenant } from "./tenant.ts";

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
  /** Who waits for what it wants next, if anybody. */
  pull: Pull | undefined;
  readonly share: Share | undefined;
  /** These are set when it is opened. */
  signal!: AbortSignal;
  tenant!: Tenant;
  /** Its number among all that were opened. */
  arrival = 0;
  /** Tokens that it may still run before its lane can be given to another tenant. */
  turn = 0;
  /** The most tokens that it ever had cached. */
  ranTokens = 0;
  /** Another sequence that is running the tokens up to `sharedTokens`, which both begin with. */
  leader: Sequence | undefined;
  sharedTokens = 0;

  constructor(tokens: TokenIds, share: Share | undefined) {
    this.tokens = [...tokens];
    this.share = share;
  }

  /** For how many of its tokens K/V from elsewhere may stand in. */
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
    super(request.prefix, request.share);
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
    const { sampling, draws, topCount, logprobsMode } = this.#request;
    this.#drawn = drawToken(distribution(count - 1), {
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
  readonly inverseTemperature = 1;
  readonly scores: ScoredToken[] = [];
  readonly #topCount: number;

  constructor(tokens: TokenIds, topCount: number, share?: Share) {
    super(tokens, share);
    this.#topCount = topCount;
  }

  /** K/V has no logits to go with it, so every position is run once. */
  get reusableTokens(): number {
    return this.scores.length;
  }

  absorb(distribution: (index: number) => Distribution, end: number, count: number): boolean {
    // Those run a second time, since their K/V was lost with the lane, have their scores.
    for (let index = this.scores.length - (end - count); index < count; index++) {
      const next = this.tokens[end - count + index + 1];
      if (next !== undefined) this.scores.push(scoreToken(distribution(index), next, this.#topCount));
    }
    return end === this.tokens.length;
  }
}
