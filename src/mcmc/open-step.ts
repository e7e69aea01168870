import type { DrawCost } from "../core/draw-cost.ts";
import { cancelled } from "../core/errors.ts";
import type { TokenStream } from "../core/token-stream.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { Candidates, DraftContext, StepContext, StepDraws } from "./kernel.ts";
import type { Narrow } from "./settle.ts";

/** Names a step; step 0 is the draft that brings a block to its horizon. */
export interface StepAddress {
  readonly stage: number;
  readonly step: number;
}

/** Names what draws tokens within a step: one of its branches. */
export interface DrawAddress extends StepAddress {
  readonly branch: number;
}

/** Where a step draws from. */
export interface DrawSource {
  readonly draws: (address: DrawAddress) => StepDraws;
  /** See `StepContext.propose`. */
  readonly extend: (
    kept: Completion,
    horizon: number,
    address: DrawAddress,
    cost: DrawCost,
  ) => TokenStream<CompletionToken>;
  /** See `StepContext.narrow`. */
  readonly narrow?: Narrow | undefined;
  /** See `DraftContext.candidates`. */
  readonly candidates: (
    kept: Completion,
    horizon: number,
    address: DrawAddress,
    cost: DrawCost,
  ) => AsyncGenerator<Candidates, void, undefined>;
}

/** A step that is being taken, and may be called off: it holds what it draws from. */
export class OpenStep implements DraftContext {
  readonly horizon: number;
  readonly earlyRejection: boolean;
  readonly inTurn: boolean;
  readonly narrow: Narrow | undefined;
  readonly cost: DrawCost = { evaluatedTokens: 0 };
  readonly #source: DrawSource;
  readonly #address: StepAddress;
  readonly #extensions: TokenStream[] = [];
  #isCalledOff = false;

  constructor(
    address: StepAddress,
    source: DrawSource,
    { horizon, earlyRejection, inTurn }: Pick<StepContext, "horizon" | "earlyRejection" | "inTurn">,
  ) {
    this.horizon = horizon;
    this.earlyRejection = earlyRejection;
    this.inTurn = inTurn;
    this.#source = source;
    const { narrow } = source;
    if (narrow !== undefined) {
      this.narrow = (completion, position) => {
        if (this.#isCalledOff) throw cancelled();
        return narrow(completion, position);
      };
    }
    this.#address = address;
  }

  readonly draws = (branch: number): StepDraws => this.#source.draws(this.#addressOf(branch));

  readonly propose = (kept: Completion, branch: number): TokenStream<CompletionToken> => {
    if (this.#isCalledOff) throw cancelled();
    const extension = this.#source.extend(kept, this.horizon, this.#addressOf(branch), this.cost);
    this.#extensions.push(extension);
    return extension;
  };

  readonly candidates: DraftContext["candidates"] = (kept, branch) =>
    this.#source.candidates(kept, this.horizon, this.#addressOf(branch), this.cost);

  /** Gives up what it draws from, so that it is settled soon. */
  readonly callOff = (): void => {
    this.#isCalledOff = true;
    for (const extension of this.#extensions) extension[Symbol.dispose]();
  };

  #addressOf(branch: number): DrawAddress {
    const { stage, step } = this.#address;
    return { stage, step, branch };
  }
}
