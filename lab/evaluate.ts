import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { SamplerSettings, SettingsOf } from "../src/samplers/registry.ts";
import { complete } from "./complete.ts";
import type { EmbeddedModel } from "./embedded-model.ts";
import { measureSampler } from "./measure.ts";
import type { SamplerRow } from "./measure.ts";

type Row = readonly [name: string, settings: SamplerSettings];

/** The rows of a model card's table. */
function rowsOf({ generation: { blockSize } }: EmbeddedModel): readonly Row[] {
  const power = (alpha: number, changes: Partial<SettingsOf<"power">> = {}): SettingsOf<"power"> => ({
    sampler: "power",
    alpha,
    mcmcSteps: 10,
    blockSize,
    proposalTemperature: 1 / alpha,
    schedule: "full",
    // So that what a chain costs is its own.
    isolated: true,
    ...changes,
  });
  return [
    ["standard, T = 1", { sampler: "standard", temperature: 1 }],
    ["low_temperature, T = 1/4", { sampler: "low_temperature", alpha: 4 }],
    ["greedy", { sampler: "greedy" }],
    ["power, alpha 4", power(4)],
    ["power, alpha 4, 2 steps a block", power(4, { mcmcSteps: 2 })],
    ["power, alpha 4, proposals at T = 1", power(4, { proposalTemperature: 1 })],
    ["power, alpha 2", power(2)],
    ["power, alpha 4, until_finished", power(4, { schedule: "until_finished" })],
  ];
}

/** Measures every sampler on the held-out prompts, through the engine that serves them. */
export async function evaluate(
  model: EmbeddedModel,
  folder: string,
  options: {
    prompts: number;
    samples: number;
    onRow: (name: string, row: SamplerRow, evaluationsPerToken: number) => void;
  },
): Promise<void> {
  const { completer } = await createCompleter({ ...usualEngine, model: folder, lanes: 32 });
  const { task, generation } = model;
  for (const [name, settings] of rowsOf(model)) {
    let evaluated = 0;
    let emitted = 0;
    const row = await measureSampler(
      task,
      async (text, address) => {
        const prompt = task.vocabulary.encode(text);
        const request = { prompt, settings, maxTokens: generation.maxTokens, ...address };
        const answer = await complete(completer, request);
        evaluated += answer.evaluatedTokens;
        emitted += answer.tokens.length;
        return answer.text;
      },
      options,
    );
    options.onRow(name, row, evaluated / emitted);
  }
  await completer[Symbol.asyncDispose]();
}
