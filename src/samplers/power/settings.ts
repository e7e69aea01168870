import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { chainFields, settleChain } from "../chain/fields.ts";
import type { ChainSettings } from "../chain/fields.ts";
import { choice, field } from "../field.ts";
import type { Values } from "../field.ts";
import { alpha } from "../law-fields.ts";
import { declareSampler } from "../sampler.ts";
import type { SamplerDefaults } from "../sampler.ts";
import { powerReport } from "./report.ts";

export type KernelSettings =
  | { readonly name: "single_try" }
  | { readonly name: "multiple_try"; readonly tries: number }
  | { readonly name: "tempering"; readonly replicas: number };

export type WarmUpSettings =
  { readonly name: "blocks" } | { readonly name: "particles"; readonly particles: number };

export interface PowerSettings extends ChainSettings {
  readonly alpha: number;
  /** What brings the chain to its last block: "blocks" when left out. */
  readonly warmUp?: WarmUpSettings;
  /** "single_try" when left out. */
  readonly kernel?: KernelSettings;
}

const { mcmc_steps, proposal_temperature, cut, ...scheduleFields } = chainFields;

/** What gains most for its evaluations: docs/benchmarks.md, (r). */
const usualParticles = 10;
const usualStepsAfterParticles = 1;

const fields = {
  alpha,
  mcmc_steps,
  proposal_temperature,
  kernel: choice("kernel", ["single_try", "multiple_try", "tempering"], {
    meaning:
      "What a step does; whichever it is, answers come from p(x)^alpha. `single_try` writes one new end. `multiple_try` writes `tries` of them in the same passes and selects among them. `tempering` runs `replicas` chains side by side, whose exponents go from alpha down to 1, where answers change freely, and has them swap answers.",
    usual: "single_try",
    example: "tempering",
    label: "Kernel",
  }),
  cut,
  tries: field(z.number().int().min(1).max(64), {
    meaning: "With kernel multiple_try: ends written in each step, among which one is selected.",
    usual: "4",
    example: 4,
    label: "Tries a step",
    under: ["kernel", "multiple_try"],
  }),
  replicas: field(
    z.number().int().min(2, "replicas must be at least 2; kernel single_try is a chain alone").max(16),
    {
      meaning:
        "With kernel tempering: chains side by side, each with an exponent of its own between alpha and 1, the answering one included.",
      usual: "3",
      example: 3,
      label: "Replicas",
      under: ["kernel", "tempering"],
    },
  ),
  warm_up: choice("warm_up", ["blocks", "particles"], {
    meaning:
      "How the answer comes to its full length. `blocks`: block by block, with steps in each. `particles`: at once, by several beginnings that are weighed by p(x)^alpha as they grow, one where the model is sure, up to `warm_up_particles` where it is not, light ones only once the others turn out worse; then `mcmc_steps` follow.",
    usual:
      "particles; blocks at alpha 1, for a model that brings its own steps or blocks, and where block_size or schedule is given",
    example: "particles",
    label: "Warm-up",
  }),
  warm_up_particles: field(z.number().int().min(1).max(64), {
    meaning: "With warm_up particles: beginnings that grow side by side at most.",
    usual: String(usualParticles),
    example: usualParticles,
    label: "Beginnings",
    under: ["warm_up", "particles"],
  }),
  ...scheduleFields,
};

const noWayBack = "a truncated proposal could not propose the way back";

export const power = declareSampler({
  label: "Power",
  summary:
    "writes an answer, then rewrites parts of it and keeps a rewrite by a weighted coin, so that whole answers come up in proportion to their probability p(x) to the power alpha (Metropolis-Hastings)",
  isChain: true,
  needsLogZ: "interval",
  fields,
  instead: {
    temperature: "set alpha (and proposal_temperature) instead",
    top_p: noWayBack,
    top_k: noWayBack,
    min_p: noWayBack,
  },
  report: powerReport,
  held(given, defaults) {
    const kernel = settleKernel(given);
    const warmUp = settleWarmUp(given, given.alpha ?? defaults.alpha, defaults);
    const replicas = kernel.name === "tempering" ? kernel.replicas : 1;
    const tries = kernel.name === "multiple_try" ? kernel.tries : 1;
    return replicas * Math.max(tries, warmUp.name === "particles" ? warmUp.particles : 1);
  },
  settle(given, context): PowerSettings {
    const exponent = given.alpha ?? context.defaults.alpha;
    const kernel = settleKernel(given);
    const warmUp = settleWarmUp(given, exponent, context.defaults);
    // Sharp proposals would keep the hot replicas where they are; tempering's own default lets them roam.
    const usualTemperature = kernel.name === "tempering" ? 1 : 1 / exponent;
    const settled = settleChain(given, context, usualTemperature);
    if (warmUp.name === "blocks") return { alpha: exponent, ...settled, kernel, warmUp };
    return {
      alpha: exponent,
      ...settled,
      mcmcSteps: given.mcmc_steps ?? context.defaults.mcmcSteps ?? usualStepsAfterParticles,
      blockSize: context.maxTokens,
      kernel,
      warmUp,
    };
  },
  inverseTemperature: ({ proposalTemperature: temperature }) => 1 / temperature,
});

function settleKernel({
  kernel: name = "single_try",
  tries,
  replicas,
}: Values<typeof fields>): KernelSettings {
  if (name !== "multiple_try" && tries !== undefined)
    throw foreign("tries", "kernel", { name, user: "multiple_try" });
  if (name !== "tempering" && replicas !== undefined)
    throw foreign("replicas", "kernel", { name, user: "tempering" });
  switch (name) {
    case "single_try":
      return { name };
    case "multiple_try":
      return { name, tries: tries ?? 4 };
    case "tempering":
      return { name, replicas: replicas ?? 3 };
  }
}

function settleWarmUp(
  { warm_up, warm_up_particles: particles, block_size, schedule }: Values<typeof fields>,
  exponent: number,
  defaults: SamplerDefaults,
): WarmUpSettings {
  const isForBlocks = block_size !== undefined || schedule !== undefined;
  const bringsOwn = defaults.mcmcSteps !== undefined || defaults.blockSize !== undefined;
  const isUsual = particles !== undefined || !(isForBlocks || bringsOwn || exponent === 1);
  const name = warm_up ?? (isUsual ? "particles" : "blocks");
  if (name === "blocks") {
    if (particles !== undefined) throw foreign("warm_up_particles", "warm_up", { name, user: "particles" });
    return { name };
  }
  if (block_size !== undefined) throw foreign("block_size", "warm_up", { name, user: "blocks" });
  if (schedule !== undefined) throw foreign("schedule", "warm_up", { name, user: "blocks" });
  return { name, particles: particles ?? usualParticles };
}

/** What a field of another choice's user is refused with. */
const foreign = (
  param: string,
  choice: string,
  { name, user }: { readonly name: string; readonly user: string },
): InferenceError =>
  new InferenceError(
    "invalid_request",
    `${param} has no meaning for ${choice} '${name}'. Leave it out, or use ${choice} '${user}'.`,
    { param },
  );
