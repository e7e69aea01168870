import type { CostSettings, SamplerName } from "./completer.ts";

/** What a request may cost, and whether other requests may bear on that. */
export interface CostTerms {
  /** Model evaluations; unlimited when left out. */
  readonly budget: number | undefined;
  /**
   * Whether the completion's cost, and where a budget stops it, depend on its own request alone. It then has a memo of its
   * own, draws in turn what it would draw side by side, and begins nothing ahead: all of these would let the timing of
   * passes, or what others have asked, decide which evaluation comes first.
   */
  readonly isIsolated: boolean;
}

/** The terms of a request's settings: a budget is isolated, the rest where it asks for that. */
export function costTerms(settings: CostSettings & { readonly sampler: SamplerName }): CostTerms {
  const { maxEvaluatedTokens: budget, isolated = budget !== undefined } = settings;
  return { budget, isIsolated: isolated };
}
