import { z } from "zod";
import { proposalsCounter, stepFields } from "../chain/report.ts";
import { count, described } from "../described.ts";
import { reportOf, runFields } from "../report.ts";

const schema = z
  .object({
    alpha: described(z.number(), "The exponent of the target.", 4),
    ...runFields,
    ...stepFields,
    first_token_changes: count("Steps after which the first token was another one: a sign of mixing.", 1),
    first_token_change_share: described(z.number(), "Their share of all steps.", 0.00625),
    first_token_proposals: count("Steps whose proposal had another first token, whatever became of it.", 8),
    first_token_entropy: described(
      z.number().nullable(),
      "Of the raw model's law of the first token, nats: whether there was one to change to; null where the engine does not tell it.",
      1.07,
    ),
    mixing_warning: described(
      z.string().nullable(),
      "Why the chain reads as unmixed, in words; null without a sign of it, which proves nothing.",
      null,
    ),
    swaps_proposed: count(
      "kernel tempering: swaps of completions between neighbouring replicas.",
      320,
    ).optional(),
    swaps_accepted: count("kernel tempering: those that happened.", 40).optional(),
  })
  .meta({
    id: "PowerReport",
    description:
      "How the chain went. The kernel leaves p^alpha invariant; finite steps give a warm-started chain.",
  });

export type PowerReport = z.output<typeof schema>;

export const powerReport = reportOf({
  schema,
  example: { alpha: 4, logprob: -0.7, steps: 160 },
  counters: [
    proposalsCounter,
    {
      name: "unmixed_chains_total",
      help: "Chains of power sampling that read as unmixed.",
      count: ({ mixing_warning }) => (mixing_warning === null ? 0 : 1),
    },
  ],
});
