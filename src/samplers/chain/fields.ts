import { z } from "zod";
import { choice, field } from "../field.ts";
import type { Values } from "../field.ts";
import { costFields, settleCost } from "../cost.ts";
import type { CostSettings } from "../cost.ts";
import { proposalTemperature } from "../law-fields.ts";
import type { SettingsContext } from "../sampler.ts";

const cutNames = ["uniform", "entropy"] as const;
export type CutName = (typeof cutNames)[number];

/** Fields of samplers that run a chain over whole completions. */
export const chainFields = {
  mcmc_steps: field(z.number().int().min(0).max(10_000), {
    meaning:
      "Steps in each block, a step being one try at rewriting the end of the answer: the more, the longer it has to settle, and the more it costs.",
    usual: "the model's, else 10; 1 after a warm-up by particles",
    example: 10,
    label: "Steps per block",
    option: "steps",
  }),
  proposal_temperature: proposalTemperature,
  cut: choice("cut", cutNames, {
    meaning:
      "Where a step cuts the answer, to write the rest anew. `uniform`: anywhere alike. `entropy`: where the model becomes unsure, by the rise of its entropy from token to token.",
    usual: "uniform",
    example: "entropy",
    label: "Cut",
  }),
  block_size: field(z.number().int().min(1), {
    meaning: "Tokens of a block: by so many the answer grows before it is rewritten again.",
    usual: "the model's, else max_tokens/16 rounded up",
    example: 3,
    label: "Block, tokens",
    option: "block",
  }),
  schedule: choice("schedule", ["full", "until_finished"], {
    meaning:
      "`full` refines a finished completion up to the last block (power then targets p^alpha); `until_finished` stops at the first block whose completion has ended, which is cheaper and favours short answers.",
    usual: "full",
    example: "full",
  }),
  ...costFields,
};

/** How long a chain over completions runs, and how it proposes. */
export interface ChainSettings extends CostSettings {
  readonly mcmcSteps: number;
  readonly blockSize: number;
  readonly proposalTemperature: number;
  /** Where suffixes are cut off; "uniform" when left out. */
  readonly cut?: CutName;
  readonly schedule: "full" | "until_finished";
}

/** The paper's: arXiv 2510.14901, section 5. */
const usualSteps = 10;

/** @param usualTemperature of proposals, where the request says none */
export function settleChain(
  given: Values<typeof chainFields>,
  { defaults, maxTokens }: SettingsContext,
  usualTemperature: number,
): ChainSettings {
  return {
    mcmcSteps: given.mcmc_steps ?? defaults.mcmcSteps ?? usualSteps,
    blockSize: given.block_size ?? defaults.blockSize ?? Math.max(1, Math.ceil(maxTokens / 16)),
    proposalTemperature: given.proposal_temperature ?? usualTemperature,
    cut: given.cut ?? "uniform",
    schedule: given.schedule ?? "full",
    ...settleCost(given),
  };
}
