import { z } from "zod";
import { proposalsCounter, stepFields, undecidedCounter } from "../chain/report.ts";
import { count, described } from "../described.ts";
import { reportOf, runFields } from "../report.ts";

const swapFields = {
  swaps_proposed: count(
    "kernel tempering: swaps of completions between neighbouring replicas; no steps.",
    320,
  ).optional(),
  swaps_accepted: count("kernel tempering: those that happened.", 40).optional(),
  answer_swaps: count(
    "kernel tempering: those that gave the answering chain another completion.",
    12,
  ).optional(),
  first_token_swaps: count("kernel tempering: those among them that changed its first token.", 5).optional(),
};

export type SwapReport = z.output<z.ZodObject<typeof swapFields>>;

const schema = z
  .object({
    alpha: described(z.number(), "The exponent of the target.", 4),
    ...runFields,
    ...stepFields,
    first_token_changes: count("Moves that changed the first token, among `moved`; swaps count apart.", 1),
    first_token_change_share: described(z.number(), "Their share of all steps.", 0.00625),
    first_token_proposals: count("Steps whose proposal had another first token, whatever became of it.", 8),
    first_token_entropy: described(
      z.number().nullable(),
      "Of the raw model's law of the first token, nats: whether there was one to change to; null where the engine does not tell it.",
      1.07,
    ),
    first_token_entropy_upper: described(
      z.number().optional(),
      "Its upper bound, `first_token_entropy` being the lower one, where a server elsewhere runs the model and tells the likeliest tokens alone.",
      1.09,
    ),
    last_steps: count(
      "Steps since the completion was last extended; earlier ones were taken on beginnings of it.",
      100,
    ),
    rewritten_share: described(
      z.number(),
      "Share of the completion's tokens that these have rewritten, from the first one that a move or a swap changed on.",
      0.4,
    ),
    mixing_warning: described(
      z.string().nullable(),
      "Why the chain reads as unmixed, in words; null without a sign of it, which proves nothing.",
      null,
    ),
    ...swapFields,
  })
  .meta({
    id: "PowerReport",
    description:
      "How the chain went. The kernel leaves p^alpha invariant; finite steps give a warm-started chain.",
  });

export type PowerReport = z.output<typeof schema>;

export const powerReport = reportOf({
  schema,
  example: {
    alpha: 4,
    logprob: -0.868,
    drawn_tokens: 1983,
    evaluated_tokens: 43,
    remembered_tokens: 1940,
    discarded_tokens: 0,
    budget_exhausted: false,
    steps: 160,
    moved: 15,
    unchanged: 135,
    rejected: 1,
    rejected_early: 9,
    accepted: 15,
    acceptance: 0.9375,
    blocks: 16,
    first_token_changes: 1,
    first_token_change_share: 0.00625,
    first_token_proposals: 10,
    first_token_entropy: 0.706,
    last_steps: 50,
    rewritten_share: 0,
    mixing_warning: null,
  },
  counters: [
    proposalsCounter,
    undecidedCounter,
    {
      name: "swaps_total",
      help: "Swaps between replicas of tempering.",
      label: "outcome",
      count: ({ swaps_proposed: proposed = 0, swaps_accepted: accepted = 0 }) => ({
        accepted,
        rejected: proposed - accepted,
      }),
    },
    {
      name: "unmixed_chains_total",
      help: "Chains of power sampling that read as unmixed.",
      count: ({ mixing_warning }) => (mixing_warning === null ? 0 : 1),
    },
  ],
});
