import { isComplete, logProbability } from "./completion.ts";
import type { Completion } from "./completion.ts";
import type { Kernel, Walk } from "./kernel.ts";
import type { PowerTarget } from "./target.ts";

/** States that are one completion. */
export const completions: Omit<Walk<Completion>, "step"> = {
  start: [],
  draft: async (state, { horizon, propose }) => {
    if (isComplete(state, horizon)) return { state, drawnTokens: 0, isComplete: true };
    const drafted = [...state];
    for await (const run of propose(state, 0)) drafted.push(...run);
    return {
      state: drafted,
      drawnTokens: drafted.length - state.length,
      isComplete: isComplete(drafted, horizon),
    };
  },
  answer: (state) => state,
};

/** What all kernels on completions that leave p^α invariant share. */
export function powerLaw({ alpha }: PowerTarget): Omit<Kernel<Completion>, "step" | "rowsPerStep"> {
  return { ...completions, logLaw: (completion) => alpha * logProbability(completion) };
}
