import { z } from "zod";
import { proposalsCounter, stepFields } from "../chain/report.ts";
import { described } from "../described.ts";
import { reportOf, runFields } from "../report.ts";

const schema = z
  .object({
    kind: described(
      z.literal("search"),
      "A search for the likeliest completion, no draw from a law.",
      "search",
    ),
    ...runFields,
    ...stepFields,
  })
  .meta({
    id: "MaximizeReport",
    description: "How the search went. The likeliest completion it met is the answer.",
  });

export type MaximizeReport = z.output<typeof schema>;

export const maximizeReport = reportOf({
  schema,
  example: { kind: "search", logprob: -0.7, steps: 160 },
  counters: [proposalsCounter],
});
