import { TokenStream } from "../../src/core/token-stream.ts";
import type { ScoredToken } from "../../src/core/tokens.ts";
import type { CompletionToken } from "../../src/mcmc/completion.ts";
import type { Kernel, StepDraws, StepInfo } from "../../src/mcmc/kernel.ts";
import type { StateSpace } from "./state-space.ts";

/** One step of a kernel whose every choice is made for it: all that the enumeration of its steps knows of kernels. */

/** Uniforms of which none decides anything yet. */
export const anyDraws: StepDraws = { cut: 0.5, accept: 0.5, select: 0.5, swap: 0.5 };

/** A proposal whose tokens are known: one run each, so that a kernel may stop after any. */
export class Replay<Token extends ScoredToken> extends TokenStream<Token> {
  readonly #tokens: readonly Token[];
  #next: number;

  constructor(tokens: readonly Token[], from: number) {
    super();
    this.#tokens = tokens;
    this.#next = from;
  }

  override pull(): readonly [Token] | undefined {
    const token = this.#tokens[this.#next++];
    return token && [token];
  }

  override [Symbol.dispose](): void {
    this.#next = this.#tokens.length;
  }
}

export interface ChosenStep {
  /** Index of the state. */
  readonly from: number;
  /** Indices of the completions that the attempts propose, from the cut on. */
  readonly proposals: readonly number[];
  readonly draws: StepDraws;
}

export interface TakenStep {
  readonly info: StepInfo;
  /** Which attempt the step decided about. */
  readonly attempt: number;
}

export type TakeStep = (step: ChosenStep) => Promise<TakenStep>;

/** Takes steps of a kernel among the completions of a space. */
export function takerOf(kernel: Kernel, { states, horizon, law }: StateSpace, attempts: number): TakeStep {
  // Tokens of each attempt's own, so that the selected suffix tells whose it is.
  const suffixes = Array.from({ length: attempts }, () =>
    states.map((state) => state.map((token): CompletionToken => ({ ...token }))),
  );
  return async ({ from, proposals, draws }) => {
    const { info } = await kernel(states[from]!, {
      target: law,
      horizon,
      draws,
      propose: (kept, attempt = 0) => new Replay(suffixes[attempt]![proposals[attempt]!]!, kept),
      earlyRejection: false,
    });
    const { cut, suffix } = info!;
    const attempt = proposals.findIndex((proposal, index) => suffixes[index]![proposal]![cut] === suffix[0]);
    return { info: info!, attempt };
  };
}
