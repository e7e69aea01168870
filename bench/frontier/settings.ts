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
  const particles = (particles: number, mcmcSteps: number): NamedSettings =>
    power(`${particles} particles, ${mcmcSteps} ${mcmcSteps === 1 ? "step" : "steps"}`, {
      blockSize: maxTokens,
      mcmcSteps,
      warmUp: { name: "particles", particles },
    });
  return [
    { name: plainName, settings: { sampler: "low_temperature", alpha } },
    power(referenceName),
    power("16 blocks x 2", { mcmcSteps: 2 }),
    power("4 blocks x 4", { blockSize: blockOf(4), mcmcSteps: 4 }),
    power("1 block x 10", { blockSize: maxTokens }),
    power("1 block x 20", { blockSize: maxTokens, mcmcSteps: 20 }),
    power("1 block x 10, entropy cut", { blockSize: maxTokens, cut: "entropy" }),
    power("1 block x 4, 4 tries", {
      blockSize: maxTokens,
      mcmcSteps: 4,
      kernel: { name: "multiple_try", tries: 4 },
    }),
    particles(5, 1),
    particles(10, 0),
    particles(10, 1),
    particles(20, 1),
  ];
}
