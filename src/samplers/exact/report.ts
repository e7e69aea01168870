import { z } from "zod";
import { count, described } from "../described.ts";
import { powerReport } from "../power/report.ts";
import { reportOf, runFields } from "../report.ts";

const schema = z
  .object({
    exact: described(
      z.boolean(),
      "Whether the completion is a draw from p^alpha, independent of all others; false where the chain of `fallback` answered.",
      true,
    ),
    alpha: described(z.number(), "The exponent of the target.", 4),
    tries: count("Completions proposed, the accepted one among them.", 12),
    log_evidence: described(
      z.number().nullable(),
      "Estimate of log Σ p(x)^alpha, nats: −log Σ 1/U over the tries, U the bound at each. The mean of exp(−log_evidence) over choices is an unbiased estimate of 1 / Σ p(x)^alpha. Null where no try was accepted.",
      -2.1,
    ),
    log_evidence_bound: described(
      z.number(),
      "What the tries have shown log Σ p(x)^alpha to be at most, nats.",
      -1.8,
    ),
    ...runFields,
    fallback: powerReport.schema.optional().meta({
      description: "How the chain went that answered when no try was accepted.",
      examples: [powerReport.example],
    }),
  })
  .meta({ id: "ExactReport", description: "How an exact draw came to be, or that it did not." });

export type ExactReport = z.output<typeof schema>;

/** So many, in words: `1 try`, `2 tries`. */
export const countTries = (tries: number): string => `${tries} ${tries === 1 ? "try" : "tries"}`;

export const exactReport = reportOf({
  schema,
  example: { exact: true, alpha: 4, tries: 12, log_evidence: -2.1 },
  counters: [
    {
      name: "exact_tries_total",
      help: "Completions proposed by sampler exact.",
      count: ({ tries }) => tries,
    },
    {
      name: "exact_answers_total",
      help: "Answers of sampler exact: exact draws, and chains that answered in their place.",
      label: "outcome",
      count: ({ exact }) => ({ exact: exact ? 1 : 0, fallback: exact ? 0 : 1 }),
    },
  ],
});
