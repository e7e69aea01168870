import { createGenerator } from "../src/commands/create-generator.ts";
import { usualEngine } from "../src/commands/serve-settings.ts";
import type { LocalGenerator } from "../src/decoder/local-generator.ts";
import type { SamplerSettings } from "../src/decoder/generator.ts";
import { encode } from "./abacus.ts";
import { measureSampler } from "./measure.ts";
import type { SamplerRow } from "./measure.ts";

const maxTokens = 48;

const power = (
  alpha: number,
  changes: { mcmcSteps?: number; proposalTemperature?: number } = {},
): SamplerSettings => ({
  sampler: "power",
  alpha,
  mcmcSteps: 10,
  blockSize: 3,
  proposalTemperature: 1 / alpha,
  schedule: "full",
  ...changes,
});

/** The rows of the model card's table. */
const rows: readonly (readonly [name: string, settings: SamplerSettings])[] = [
  ["standard, T = 1", { sampler: "standard", temperature: 1 }],
  ["low_temperature, T = 1/4", { sampler: "low_temperature", alpha: 4 }],
  ["greedy", { sampler: "greedy" }],
  ["power, alpha 4", power(4)],
  ["power, alpha 4, 2 steps a block", power(4, { mcmcSteps: 2 })],
  ["power, alpha 4, proposals at T = 1", power(4, { proposalTemperature: 1 })],
  ["power, alpha 2", power(2)],
  [
    "power, alpha 4, until_finished",
    { ...(power(4) as SamplerSettings & { sampler: "power" }), schedule: "until_finished" },
  ],
];

/** Measures every sampler on the held-out prompts, through the engine that serves them. */
export async function evaluate(
  model: string,
  options: {
    prompts: number;
    samples: number;
    onRow: (name: string, row: SamplerRow, evaluationsPerToken: number) => void;
  },
): Promise<void> {
  const { generator } = await createGenerator({ ...usualEngine, model, lanes: 32 });
  for (const [name, settings] of rows) {
    let evaluated = 0;
    let emitted = 0;
    const row = await measureSampler(async (prompt, address) => {
      const answer = await complete(generator, { prompt, address, settings });
      evaluated += answer.evaluatedTokens;
      emitted += answer.tokens;
      return answer.text;
    }, options);
    options.onRow(name, row, evaluated / emitted);
  }
  await generator[Symbol.asyncDispose]();
}

async function complete(
  generator: LocalGenerator,
  {
    prompt,
    address,
    settings,
  }: { prompt: string; address: { seed: number; choice: number }; settings: SamplerSettings },
): Promise<{ text: string; tokens: number; evaluatedTokens: number }> {
  const request = {
    prompt: encode(prompt),
    settings,
    maxTokens,
    stop: [],
    ...address,
    topCount: 0,
  };
  let text = "";
  let tokens = 0;
  for await (const event of generator.generate(request, new AbortController().signal)) {
    if (event.type === "finish") return { text, tokens, evaluatedTokens: event.evaluatedTokens };
    if (event.type !== "text") continue;
    text += event.text;
    tokens += event.tokens.length;
  }
  throw new Error("the generator ended without a finish");
}
