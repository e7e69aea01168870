import { z } from "zod";
import { count, described } from "../described.ts";
import { reportOf, runFields } from "../report.ts";

const schema = z
  .object({
    kind: described(
      z.literal("search"),
      "A search for the likeliest completions, no draw from a law.",
      "search",
    ),
    beam_width: count("Completions searched side by side at most.", 4),
    length_penalty: described(z.number(), "The exponent of the length in the score.", 1),
    rank: count("Which of the completions found this is, by score, counted from 1.", 1),
    score: described(z.number(), "logprob / length^length_penalty.", -0.05),
    length: count("Tokens of the prompt and of the completion, but for an end token.", 14),
    ended_by: described(
      z.enum(["all_ended", "settled", "max_tokens", "budget", "shutdown"]),
      "Why the search was over. `all_ended`: all beams came to an end. `settled`: none that was left could overtake. `max_tokens`: some got there. `budget`, `shutdown`: it was cut off.",
      "settled",
    ),
    ...runFields,
  })
  .meta({
    id: "BeamReport",
    description: "How the search went. The completions found are the answer, by score.",
  });

export type BeamReport = z.output<typeof schema>;

export const beamReport = reportOf({
  schema,
  example: { kind: "search", beam_width: 4, length_penalty: 1, rank: 1, score: -0.05, logprob: -0.7 },
  counters: [
    {
      name: "beam_answers_total",
      help: "Answers of sampler beam, by why their search was over.",
      label: "ended_by",
      count: ({ ended_by }) => ({ [ended_by]: 1 }),
    },
  ],
});
