import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import { field } from "./field.ts";
import type { Values } from "./field.ts";

/** What a completion of a sampler of whole completions may cost. */
export const costFields = {
  max_evaluated_tokens: field(z.number().int().min(1), {
    meaning:
      "Budget of model evaluations. When it is spent, a chain stops with its current state, a beam search with the best it has, and of particles one is drawn from those that got furthest; the answer says so. The completion is isolated.",
    usual: "none",
    example: 1000,
  }),
  isolated: field(z.boolean(), {
    meaning:
      "Whether each completion keeps to itself, so that its evaluated_tokens, and where max_evaluated_tokens stops it, depend on this request alone. It then remembers for itself alone, draws in turn and begins nothing ahead, which takes longer. The completion is the same either way, unless a budget ends it.",
    usual: "true with max_evaluated_tokens, which cannot go without; else false",
    example: true,
  }),
};

export interface CostSettings {
  /** Budget of model evaluations; the sampler stops with what it has when it is spent. */
  readonly maxEvaluatedTokens?: number;
  /** Whether the completion is isolated: see `CostTerms`. True with a budget, else false, when left out. */
  readonly isolated?: boolean;
}

/** @throws InferenceError `invalid_request` for a budget that is not to be isolated */
export function settleCost({
  max_evaluated_tokens: maxEvaluatedTokens,
  isolated,
}: Values<typeof costFields>): CostSettings {
  if (maxEvaluatedTokens !== undefined && isolated === false) {
    throw new InferenceError(
      "invalid_request",
      "isolated cannot be false together with max_evaluated_tokens: where a budget stops must not depend on other requests. Leave one of them out.",
      { param: "isolated" },
    );
  }
  return {
    ...(maxEvaluatedTokens === undefined ? {} : { maxEvaluatedTokens }),
    ...(isolated === undefined ? {} : { isolated }),
  };
}

/** What a request may cost, and whether other requests may bear on that. */
export interface CostTerms {
  /** Model evaluations; unlimited when left out. */
  readonly budget: number | undefined;
  /**
   * Whether the completion's cost, and where a budget stops it, depend on its own request alone. It then has a memo of
   * its own, draws in turn what it would draw side by side, and begins nothing ahead: all of these would let the timing
   * of passes, or what other requests have asked, decide which evaluation comes first.
   */
  readonly isIsolated: boolean;
}

/** The terms of a sampler's settings: a budget is isolated, the rest where it asks for that. */
export function costTerms(settings: CostSettings & { readonly sampler: string }): CostTerms {
  const { maxEvaluatedTokens: budget, isolated = budget !== undefined } = settings;
  return { budget, isIsolated: isolated };
}
