import { z } from "zod";
import { count, described } from "../described.ts";
import { log_z_width, reportOf, runFields } from "../report.ts";

const schema = z
  .object({
    kind: described(
      z.literal("approximate"),
      "The answer's law tends to p^alpha as the particles grow in number; it is not p^alpha.",
      "approximate",
    ),
    alpha: described(z.number(), "The exponent of the target.", 4),
    particles: count("Completions grown side by side.", 16),
    ess: described(
      z.number(),
      "Effective number of particles when the answer was drawn, between 1 and their number. A small one says that few of them decided.",
      11.3,
    ),
    resamplings: count("Times that the particles were resampled.", 3),
    log_evidence: described(
      z.number().nullable(),
      "Log of the unbiased estimate of Σ p(x)^alpha, nats; null when the budget, or the server, ended first.",
      -4.1,
    ),
    log_evidence_low: described(
      z.number().nullable(),
      "The same where every log Z is the least that it may be: `log_evidence` is the most then. On engines that know log Z within bounds alone.",
      -4.2,
    ).optional(),
    log_z_width,
    ...runFields,
  })
  .meta({ id: "SmcReport", description: "How the particles went." });

export type SmcReport = z.output<typeof schema>;

export const smcReport = reportOf({
  schema,
  example: { kind: "approximate", particles: 16, ess: 11.3 },
  counters: [
    {
      name: "resamplings_total",
      help: "Times that particles of smc were resampled.",
      count: ({ resamplings }) => resamplings,
    },
  ],
});
