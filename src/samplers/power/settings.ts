import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { chainFields, settleChain } from "../chain/fields.ts";
import type { ChainSettings } from "../chain/fields.ts";
import { choice, field } from "../field.ts";
import type { Values } from "../field.ts";
import { alpha } from "../law-fields.ts";
import { declareSampler } from "../sampler.ts";
import { powerReport } from "./report.ts";

export type KernelSettings =
  | { readonly name: "single_try" }
  | { readonly name: "multiple_try"; readonly tries: number }
  | { readonly name: "tempering"; readonly replicas: number };

export interface PowerSettings extends ChainSettings {
  readonly alpha: number;
  /** "single_try" when left out. */
  readonly kernel?: KernelSettings;
}

const { mcmc_steps, proposal_temperature, cut, ...scheduleFields } = chainFields;

const fields = {
  alpha,
  mcmc_steps,
  proposal_temperature,
  kernel: choice("kernel", ["single_try", "multiple_try", "tempering"], {
    meaning:
      "What a step does; each leaves p^alpha invariant. `single_try` resamples one suffix. `multiple_try` draws `tries` suffixes in the same passes and selects among them. `tempering` runs `replicas` chains on a ladder of exponents from alpha down to 1 that swap completions.",
    usual: "single_try",
    example: "tempering",
    label: "Kernel",
  }),
  cut,
  tries: field(z.number().int().min(1).max(64), {
    meaning: "With kernel multiple_try: suffixes drawn in each step.",
    usual: "4",
    example: 4,
  }),
  replicas: field(
    z.number().int().min(2, "replicas must be at least 2; kernel single_try is a chain alone").max(16),
    {
      meaning: "With kernel tempering: chains on the ladder of exponents, the answering one included.",
      usual: "3",
      example: 3,
    },
  ),
  ...scheduleFields,
};

const noWayBack = "a truncated proposal could not propose the way back";

export const power = declareSampler({
  label: "Power",
  summary: "whole completions from p(x)^alpha by Metropolis-Hastings",
  isChain: true,
  weighsByLogZ: true,
  fields,
  instead: {
    temperature: "set alpha (and proposal_temperature) instead",
    top_p: noWayBack,
    top_k: noWayBack,
    min_p: noWayBack,
  },
  report: powerReport,
  held(given) {
    const kernel = settleKernel(given);
    switch (kernel.name) {
      case "single_try":
        return 1;
      case "multiple_try":
        return kernel.tries;
      case "tempering":
        return kernel.replicas;
    }
  },
  settle(given, context): PowerSettings {
    const exponent = given.alpha ?? context.defaults.alpha;
    const kernel = settleKernel(given);
    // Sharp proposals would keep the hot replicas where they are; tempering's own default lets them roam.
    const usualTemperature = kernel.name === "tempering" ? 1 : 1 / exponent;
    return { alpha: exponent, ...settleChain(given, context, usualTemperature), kernel };
  },
  inverseTemperature: ({ proposalTemperature: temperature }) => 1 / temperature,
});

function settleKernel({
  kernel: name = "single_try",
  tries,
  replicas,
}: Values<typeof fields>): KernelSettings {
  if (name !== "multiple_try" && tries !== undefined) throw foreign("tries", name, "multiple_try");
  if (name !== "tempering" && replicas !== undefined) throw foreign("replicas", name, "tempering");
  switch (name) {
    case "single_try":
      return { name };
    case "multiple_try":
      return { name, tries: tries ?? 4 };
    case "tempering":
      return { name, replicas: replicas ?? 3 };
  }
}

const foreign = (param: string, name: string, user: string): InferenceError =>
  new InferenceError(
    "invalid_request",
    `${param} has no meaning for kernel '${name}'. Leave it out, or use kernel '${user}'.`,
    { param },
  );
