import type { TokenIds } from "../../core/tokens.ts";
import { draftLength } from "./draft-length.ts";
import type { SpeculationHealth } from "../health.ts";
import type { PassTimes } from "./pass-times.ts";
import type { PassLimits } from "./runner.ts";
import type { Sequence } from "./sequence.ts";

/** Tokens of a draft at most: what is foretold further ahead seldom holds. */
export const longestDraft = 8;

/**
 * Passes with drafts on end, after which one goes without. What a draft costs is known in times of such a pass: without
 * any, a machine that has become faster makes drafts look cheaper than they are, and so gives them more passes still.
 */
const mostOnEnd = 32;

/** No row costs less than one of a single token; what seems to was measured in times that are past. */
const leastCost = 0.9;

/** How much of a lone pass goes into what such passes are known to settle. */
const weight = 1 / 32;

export const noDraft: TokenIds = [];

/** Decides on drafts by what passes are known to take, and keeps account of them. */
export class Speculation {
  readonly #most: number;
  readonly #passTimes: Pick<PassTimes, "rowCost">;
  #drafted = 0;
  #accepted = 0;
  #aloneGain = 1;
  /** Passes with drafts since the last lone one without. */
  #onEnd = 0;

  constructor({ maxRowTokens, maxRowLogits }: PassLimits, passTimes: Pick<PassTimes, "rowCost">) {
    this.#most = Math.min(longestDraft, Math.min(maxRowTokens, maxRowLogits) - 1);
    this.#passTimes = passTimes;
  }

  get health(): SpeculationHealth {
    return { draftedTokens: this.#drafted, acceptedTokens: this.#accepted };
  }

  /** Tokens that a pass of a lone row settles in the time of one without a draft, as it was lately. */
  get aloneGain(): number {
    return this.#aloneGain;
  }

  /** What the only sequence of a pass, which decodes, had best try to go on with. */
  draft(sequence: Sequence): TokenIds {
    const foretold = this.#most < 1 || this.#onEnd === mostOnEnd ? undefined : sequence.foretell(this.#most);
    if (foretold === undefined || foretold.tokens.length === 0) return noDraft;
    const { tokens, matched, holds } = foretold;
    const cost = (rowTokens: number): number => this.#passTimes.rowCost(rowTokens);
    const length = draftLength({ matched, most: tokens.length, holds, cost });
    if (cost(1 + length) < leastCost) return noDraft;
    return length === tokens.length ? tokens : tokens.slice(0, length);
  }

  /** Takes note of a pass of a lone row: so many tokens drafted, and so many of them that held. */
  observe(drafted: number, accepted: number): void {
    this.#drafted += drafted;
    this.#accepted += accepted;
    this.#onEnd = drafted === 0 ? 0 : this.#onEnd + 1;
    const gain = (1 + accepted) / (drafted === 0 ? 1 : this.#passTimes.rowCost(1 + drafted));
    this.#aloneGain += weight * (gain - this.#aloneGain);
  }
}
