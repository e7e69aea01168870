import type { SamplerSettings, SettingsOf } from "../../src/samplers/registry.ts";

export interface NamedSettings {
  readonly name: string;
  readonly settings: SamplerSettings;
}

const alpha = 4;
const paperBlocks = 16;

/** Each chain pays for itself alone: what it evaluates depends on no other. */
const powerOf = (maxTokens: number, changes: Partial<SettingsOf<"power">> = {}): SamplerSettings => ({
  sampler: "power",
  alpha,
  mcmcSteps: 10,
  blockSize: Math.ceil(maxTokens / paperBlocks),
  proposalTemperature: 1 / alpha,
  schedule: "full",
  isolated: true,
  ...changes,
});

/** What gains are counted from: each token at the proposals' temperature. */
export const plainName = "low temperature, 1/alpha";
/** What gains are held against: arXiv 2510.14901, section 5. */
export const referenceName = "paper: 16 blocks x 10";

export function settingsFor(maxTokens: number): readonly NamedSettings[] {
  const blockOf = (blocks: number): number => Math.ceil(maxTokens / blocks);
  const power = (name: string, changes: Partial<SettingsOf<"power">> = {}): NamedSettings => ({
    name,
    settings: powerOf(maxTokens, changes),
  });
  return [
    { name: plainName, settings: { sampler: "low_temperature", alpha } },
    power(referenceName),
    power("16 x 5", { mcmcSteps: 5 }),
    power("16 x 2", { mcmcSteps: 2 }),
    power("16 x 1", { mcmcSteps: 1 }),
    power("8 x 4", { blockSize: blockOf(8), mcmcSteps: 4 }),
    power("8 x 2", { blockSize: blockOf(8), mcmcSteps: 2 }),
    power("4 x 4", { blockSize: blockOf(4), mcmcSteps: 4 }),
    power("2 x 4", { blockSize: blockOf(2), mcmcSteps: 4 }),
    power("1 x 8", { blockSize: maxTokens, mcmcSteps: 8 }),
    power("16 x 2, entropy cut", { mcmcSteps: 2, cut: "entropy" }),
    power("16 x 2, proposals at 1/3", { mcmcSteps: 2, proposalTemperature: 1 / 3 }),
    power("16 x 2, proposals at 1/2", { mcmcSteps: 2, proposalTemperature: 1 / 2 }),
    power("8 x 1, 4 tries", {
      blockSize: blockOf(8),
      mcmcSteps: 1,
      kernel: { name: "multiple_try", tries: 4 },
    }),
  ];
}
