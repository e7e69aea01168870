import { z } from "zod";
import { cutNames, kernelNames } from "../../decoder/completer.ts";

/** How samplers of whole completions go about it. */
export const powerFields = {
  alpha: z
    .number()
    .min(1, "alpha must be at least 1; 1 is the model's own distribution")
    .max(1000)
    .nullish()
    .meta({
      description:
        "Exponent of the target p(x)^alpha, for power, smc and low_temperature. Default: the model's, usually 4.",
      examples: [4],
    }),
  mcmc_steps: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .nullish()
    .meta({
      description: "power, maximize: steps per block. Default: the model's, usually 10.",
      examples: [10],
    }),
  block_size: z
    .number()
    .int()
    .min(1)
    .nullish()
    .meta({
      description:
        "power, maximize: tokens by which the horizon grows from block to block. Default: the model's, else max_tokens/16 rounded up.",
      examples: [3],
    }),
  proposal_temperature: z
    .number()
    .min(0.001, "proposal_temperature must be at least 0.001")
    .max(100)
    .nullish()
    .meta({
      description:
        "power, smc, maximize: temperature at which suffixes are proposed. Default: 1/alpha; 1 for kernel tempering, whose replicas share it; for maximize the model's 1/alpha.",
      examples: [0.25],
    }),
  kernel: z
    .enum(kernelNames, { error: `kernel must be one of ${kernelNames.join(", ")}` })
    .nullish()
    .meta({
      description:
        "power: what a step does; each leaves p^alpha invariant. `single_try` resamples one suffix. `multiple_try` draws `tries` suffixes in the same passes and selects among them. `tempering` runs `replicas` chains on a ladder of exponents from alpha down to 1 that swap completions. Default: single_try.",
      examples: ["tempering"],
    }),
  cut: z
    .enum(cutNames, { error: `cut must be one of ${cutNames.join(", ")}` })
    .nullish()
    .meta({
      description:
        "power, maximize: where suffixes are cut off. `uniform`: anywhere alike. `entropy`: where the model becomes unsure, by the rise of its entropy from token to token. Default: uniform.",
      examples: ["entropy"],
    }),
  tries: z
    .number()
    .int()
    .min(1)
    .max(64)
    .nullish()
    .meta({
      description: "power with kernel multiple_try: suffixes drawn in each step. Default: 4.",
      examples: [4],
    }),
  replicas: z
    .number()
    .int()
    .min(2, "replicas must be at least 2; kernel single_try is a chain alone")
    .max(16)
    .nullish()
    .meta({
      description:
        "power with kernel tempering: chains on the ladder of exponents, the answering one included. Default: 3.",
      examples: [3],
    }),
  particles: z
    .number()
    .int()
    .min(2, "particles must be at least 2; one alone is sampler low_temperature")
    .max(256)
    .nullish()
    .meta({
      description:
        "smc: completions grown side by side, of which one is drawn by weight; resampled when their effective number falls under half. The more, the nearer to p^alpha. Default: 16.",
      examples: [16],
    }),
  schedule: z
    .enum(["full", "until_finished"])
    .nullish()
    .meta({
      description:
        "power, maximize: `full` refines a finished completion up to the last block (power then targets p^alpha); `until_finished` stops at the first block whose completion has ended, which is cheaper and favours short answers. Default: full.",
      examples: ["full"],
    }),
  max_evaluated_tokens: z
    .number()
    .int()
    .min(1)
    .nullish()
    .meta({
      description:
        "power, smc, maximize: budget of model evaluations. When it is spent, a chain stops with its current state, and of particles one is drawn from those that got furthest; the answer says so. The completion is isolated.",
      examples: [1000],
    }),
  isolated: z
    .boolean()
    .nullish()
    .meta({
      description:
        "power, smc, maximize: whether each completion keeps to itself, so that its evaluated_tokens, and where max_evaluated_tokens stops it, depend on this request alone. It then remembers for itself alone, draws in turn and begins nothing ahead, which takes longer. The completion is the same either way, unless a budget ends it. Default: true with max_evaluated_tokens, which cannot go without; else false.",
      examples: [true],
    }),
};
