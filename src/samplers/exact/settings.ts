import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { costFields, settleCost } from "../cost.ts";
import type { CostSettings } from "../cost.ts";
import { choice, field } from "../field.ts";
import { alpha } from "../law-fields.ts";
import { power } from "../power/settings.ts";
import type { PowerSettings } from "../power/settings.ts";
import { declareSampler } from "../sampler.ts";
import { exactReport } from "./report.ts";

export interface ExactSettings extends CostSettings {
  readonly alpha: number;
  readonly maxTries: number;
  /** The chain that answers when no try was accepted; left out, none does. */
  readonly fallback?: PowerSettings;
}

const usualTries = 1000;

/** Visited prefixes that an envelope keeps: 2.4 KiB each. */
export const mostVisits = 4096;

/** Tokens that take the memory of a visit, by what `--max-tokens-in-flight` reckons with: 150 bytes each. */
const tokensPerVisit = 16;

const atOneOverAlpha = "exact proposes at 1/alpha, where acceptance probabilities are known";
const noTruncation = "a truncated proposal cannot propose every completion of the target";

export const exact = declareSampler({
  label: "Exact",
  summary:
    "tries whole answers until one is accepted, by a rule that makes it an exact draw in proportion to p(x)^alpha (rejection sampling); for short or sure answers",
  isChain: true,
  needsLogZ: "exact",
  fields: {
    alpha,
    max_tries: field(z.number().int().min(1).max(100_000), {
      meaning: "Completions proposed at most until one is accepted.",
      usual: String(usualTries),
      example: usualTries,
      label: "Tries",
    }),
    fallback: choice("fallback", ["none", "power"], {
      meaning:
        "What happens when no try was accepted within max_tries and max_evaluated_tokens. `none`: the request fails with `budget_exhausted`. `power`: the chain that sampler power would run at this alpha answers, and the report says so.",
      usual: "none",
      example: "power",
      label: "Fallback",
    }),
    ...costFields,
  },
  instead: {
    proposal_temperature: atOneOverAlpha,
    temperature: "set alpha instead",
    top_p: noTruncation,
    top_k: noTruncation,
    min_p: noTruncation,
  },
  report: exactReport,
  held: ({ alpha: exponent, fallback }, ...context) =>
    fallback === "power" ? (power.held?.({ alpha: exponent }, ...context) ?? 1) : 1,
  // All tries begin with the same prefix.
  remembers: ({ max_tries: tries = usualTries }, maxTokens) =>
    tokensPerVisit * Math.min(mostVisits, 1 + tries * Math.max(0, maxTokens - 1)),
  settle(given, context): ExactSettings {
    const { max_evaluated_tokens: budget } = given;
    const fallsBack = given.fallback === "power";
    const least = leastBudget(context.maxTokens, fallsBack);
    if (budget !== undefined && budget < least) {
      const draft = fallsBack ? ", and so may the chain's draft" : "";
      throw new InferenceError(
        "invalid_request",
        `max_evaluated_tokens of ${budget} is too little: a try may need a whole completion's ${context.maxTokens}${draft}. Set it to ${least} at least, or ask for shorter completions.`,
        { param: "max_evaluated_tokens" },
      );
    }
    const exponent = given.alpha ?? context.defaults.alpha;
    return {
      alpha: exponent,
      maxTries: given.max_tries ?? usualTries,
      ...(fallsBack ? { fallback: power.settle({ alpha: exponent }, context) } : {}),
      ...settleCost(given),
    };
  },
  inverseTemperature: ({ alpha: exponent }) => exponent,
});

/**
 * Evaluations that must be left for a try to begin: as many as it may cost, so that the budget never ends one, and those
 * of the draft of the chain that is to answer instead.
 */
export const leastBudget = (maxTokens: number, fallsBack: boolean): number => maxTokens * (fallsBack ? 2 : 1);
