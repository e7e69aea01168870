import { InferenceError } from "../core/errors.ts";
import type {
  ChainSchedule,
  CostSettings,
  KernelSettings,
  MaximizeSettings,
  ModelInfo,
  PowerSettings,
  SamplerName,
  SamplerSettings,
  SmcSettings,
  StandardSettings,
} from "../decoder/completer.ts";
import { samplerOfModelName } from "./model-name.ts";
import type { GenerationFields } from "./schemas/fields.ts";

/** The fields that choose how tokens are drawn. */
export type SamplingBody = Pick<
  GenerationFields,
  | "model"
  | "sampler"
  | "alpha"
  | "mcmc_steps"
  | "block_size"
  | "proposal_temperature"
  | "schedule"
  | "kernel"
  | "cut"
  | "tries"
  | "replicas"
  | "particles"
  | "max_evaluated_tokens"
  | "isolated"
  | "temperature"
  | "top_p"
  | "top_k"
  | "min_p"
  | "presence_penalty"
  | "frequency_penalty"
  | "repetition_penalty"
  | "logit_bias"
  | "min_tokens"
  | "stop"
>;

/** Which samplers each field means something to; elsewhere it would be ignored, and so is refused. */
const fieldSamplers: Partial<Record<keyof SamplingBody, readonly SamplerName[]>> = {
  alpha: ["power", "low_temperature", "smc"],
  mcmc_steps: ["power", "maximize"],
  block_size: ["power", "maximize"],
  proposal_temperature: ["power", "smc", "maximize"],
  schedule: ["power", "maximize"],
  kernel: ["power"],
  cut: ["power", "maximize"],
  tries: ["power"],
  replicas: ["power"],
  particles: ["smc"],
  max_evaluated_tokens: ["power", "smc", "maximize"],
  isolated: ["power", "smc", "maximize"],
  temperature: ["standard"],
  top_p: ["standard"],
  top_k: ["standard"],
  min_p: ["standard"],
  presence_penalty: ["standard"],
  frequency_penalty: ["standard"],
  repetition_penalty: ["standard"],
  logit_bias: ["standard"],
  min_tokens: ["standard"],
};

/** Values that clients send unasked and that change nothing. */
const neutralValues: Partial<Record<keyof SamplingBody, readonly unknown[]>> = {
  temperature: [0, 1],
  top_p: [1],
  top_k: [0, -1],
  min_p: [0],
  presence_penalty: [0],
  frequency_penalty: [0],
  repetition_penalty: [1],
  min_tokens: [0],
};

/** What to do instead, for samplers of whole completions. */
const advice: Partial<Record<keyof SamplingBody, string>> = {
  temperature: "set alpha (and proposal_temperature) instead",
  top_p: "a truncated proposal could not propose the way back",
  top_k: "a truncated proposal could not propose the way back",
  min_p: "a truncated proposal could not propose the way back",
};

/**
 * Chooses the sampler and its settings.
 * @param defaultSampler what the server uses when neither field nor model name says
 * @throws InferenceError `invalid_request` or `unsupported`, naming the field
 */
export function planSampling(
  body: SamplingBody,
  model: ModelInfo,
  maxTokens: number,
  defaultSampler: SamplerName,
): SamplerSettings {
  const sampler = chooseSampler(body, model, defaultSampler);
  refuseForeignFields(body, sampler);
  const alpha = body.alpha ?? model.defaults.alpha;
  switch (sampler) {
    case "greedy":
      return { sampler };
    case "low_temperature":
      return { sampler, alpha };
    case "standard":
      return standardSettings(body, model);
    case "power":
      return powerSettings(body, { alpha, model, maxTokens });
    case "smc":
      return smcSettings(body, alpha);
    case "maximize":
      return maximizeSettings(body, model, maxTokens);
  }
}

function chooseSampler(body: SamplingBody, model: ModelInfo, defaultSampler: SamplerName): SamplerName {
  const named = samplerOfModelName(body.model, model);
  if (named !== undefined && body.sampler !== null && body.sampler !== undefined && body.sampler !== named) {
    throw new InferenceError(
      "invalid_request",
      `The model '${body.model}' asks for sampler '${named}', but sampler says '${body.sampler}'. Send one of them.`,
      { param: "sampler" },
    );
  }
  return body.sampler ?? named ?? defaultSampler;
}

function refuseForeignFields(body: SamplingBody, sampler: SamplerName): void {
  for (const [name, samplers] of Object.entries(fieldSamplers) as [
    keyof SamplingBody,
    readonly SamplerName[],
  ][]) {
    const value = body[name];
    if (value === null || value === undefined || samplers.includes(sampler)) continue;
    if (neutralValues[name]?.includes(value) === true || isEmptyObject(value)) continue;
    const hint = sampler === "power" ? advice[name] : undefined;
    throw new InferenceError(
      "invalid_request",
      `${name} has no meaning for sampler '${sampler}'${hint === undefined ? "" : `: ${hint}`}. Leave it out, or use sampler ${samplers.map((name) => `'${name}'`).join(" or ")}.`,
      { param: name },
    );
  }
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && Object.keys(value ?? {}).length === 0;

function standardSettings(body: SamplingBody, model: ModelInfo): StandardSettings {
  const topK = body.top_k ?? 0;
  const minTokens = body.min_tokens ?? 0;
  if (minTokens > 0 && body.stop !== null && body.stop !== undefined && body.stop.length > 0) {
    throw new InferenceError(
      "invalid_request",
      "min_tokens cannot be kept together with stop strings. Leave one of them out.",
      {
        param: "min_tokens",
      },
    );
  }
  const adjustments = planAdjustments(body, model);
  return {
    sampler: "standard",
    temperature: body.temperature ?? 1,
    ...(body.top_p === null || body.top_p === undefined ? {} : { topP: body.top_p }),
    ...(topK > 0 ? { topK } : {}),
    ...(body.min_p === null || body.min_p === undefined ? {} : { minP: body.min_p }),
    ...(minTokens > 0 ? { minTokens } : {}),
    ...(adjustments === undefined ? {} : { adjustments }),
  };
}

function planAdjustments(body: SamplingBody, { vocabularySize }: ModelInfo): StandardSettings["adjustments"] {
  const bias = new Map(Object.entries(body.logit_bias ?? {}).map(([id, offset]) => [Number(id), offset]));
  const wrong = [...bias.keys()].find((id) => id >= vocabularySize);
  if (wrong !== undefined) {
    throw new InferenceError(
      "invalid_request",
      `Token id ${wrong} is outside the vocabulary (0..${vocabularySize - 1}).`,
      { param: "logit_bias" },
    );
  }
  const penalties = {
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    repetitionPenalty: body.repetition_penalty ?? 1,
  };
  const isNeutral =
    penalties.presencePenalty === 0 && penalties.frequencyPenalty === 0 && penalties.repetitionPenalty === 1;
  return bias.size === 0 && isNeutral ? undefined : { bias, ...penalties };
}

function powerSettings(
  body: SamplingBody,
  { alpha, model, maxTokens }: { alpha: number; model: ModelInfo; maxTokens: number },
): PowerSettings {
  const kernel = planKernel(body);
  // Sharp proposals would keep the hot replicas where they are; tempering's own default lets them roam.
  const usualTemperature = kernel.name === "tempering" ? 1 : 1 / alpha;
  return {
    sampler: "power",
    alpha,
    ...planChain(body, { model, maxTokens, usualTemperature }),
    cut: body.cut ?? "uniform",
    kernel,
  };
}

function maximizeSettings(body: SamplingBody, model: ModelInfo, maxTokens: number): MaximizeSettings {
  const usualTemperature = 1 / model.defaults.alpha;
  return {
    sampler: "maximize",
    ...planChain(body, { model, maxTokens, usualTemperature }),
    cut: body.cut ?? "uniform",
  };
}

function smcSettings(body: SamplingBody, alpha: number): SmcSettings {
  return {
    sampler: "smc",
    alpha,
    particles: body.particles ?? 16,
    proposalTemperature: body.proposal_temperature ?? 1 / alpha,
    ...planCost(body),
  };
}

function planChain(
  body: SamplingBody,
  { model, maxTokens, usualTemperature }: { model: ModelInfo; maxTokens: number; usualTemperature: number },
): ChainSchedule {
  return {
    mcmcSteps: body.mcmc_steps ?? model.defaults.mcmcSteps,
    blockSize: body.block_size ?? model.defaults.blockSize ?? Math.max(1, Math.ceil(maxTokens / 16)),
    proposalTemperature: body.proposal_temperature ?? usualTemperature,
    schedule: body.schedule ?? "full",
    ...planCost(body),
  };
}

function planCost({ max_evaluated_tokens, isolated }: SamplingBody): CostSettings {
  const budget = max_evaluated_tokens ?? undefined;
  if (budget !== undefined && isolated === false) {
    throw new InferenceError(
      "invalid_request",
      "isolated cannot be false together with max_evaluated_tokens: where a budget stops must not depend on other requests. Leave one of them out.",
      { param: "isolated" },
    );
  }
  return {
    ...(budget === undefined ? {} : { maxEvaluatedTokens: budget }),
    ...(isolated === null || isolated === undefined ? {} : { isolated }),
  };
}

/** Which kernel each field means something to. */
const fieldKernels = { tries: "multiple_try", replicas: "tempering" } as const;

function planKernel(body: SamplingBody): KernelSettings {
  const name = body.kernel ?? "single_try";
  for (const [field, kernel] of Object.entries(fieldKernels) as [keyof typeof fieldKernels, string][]) {
    if (body[field] === null || body[field] === undefined || kernel === name) continue;
    throw new InferenceError(
      "invalid_request",
      `${field} has no meaning for kernel '${name}'. Leave it out, or use kernel '${kernel}'.`,
      { param: field },
    );
  }
  switch (name) {
    case "single_try":
      return { name };
    case "multiple_try":
      return { name, tries: body.tries ?? 4 };
    case "tempering":
      return { name, replicas: body.replicas ?? 3 };
  }
}
