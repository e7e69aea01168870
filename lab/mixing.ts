import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { Completer, MixingTrace } from "../src/decoder/completer.ts";
import type { PowerReport } from "../src/samplers/power/report.ts";
import type { SamplerSettings, SettingsOf } from "../src/samplers/registry.ts";
import { agreementBound, splitRHat } from "../src/mcmc/mixing.ts";
import { complete } from "./complete.ts";
import type { EmbeddedModel } from "./embedded-model.ts";
import { enumerateTarget } from "./exact.ts";
import { measureSampler } from "./measure.ts";

const alpha = 4;

/** Of a prompt's p^4, what is left out by leaving out beginnings less likely than e^−6: e^−18 at most. */
const minLogprob = -6;

type Row = readonly [name: string, settings: SamplerSettings];

/** Ways to spend about as many evaluations; what they share is the target. */
function rowsOf({ generation: { blockSize } }: EmbeddedModel): readonly Row[] {
  const shared = {
    blockSize,
    schedule: "full",
    // So that what a chain costs is its own.
    isolated: true,
  } as const;
  const power = (mcmcSteps: number, changes: Partial<SettingsOf<"power">> = {}): SettingsOf<"power"> => ({
    sampler: "power",
    alpha,
    mcmcSteps,
    proposalTemperature: 1 / alpha,
    ...shared,
    ...changes,
  });
  const flat = { proposalTemperature: 1 };
  const tempering = (replicas: number) => ({ ...flat, kernel: { name: "tempering", replicas } }) as const;
  const tries = { kernel: { name: "multiple_try", tries: 4 } } as const;
  const smc = (particles: number, proposalTemperature: number): SamplerSettings => ({
    sampler: "smc",
    alpha,
    particles,
    proposalTemperature,
    isolated: true,
  });
  return [
    ["defaults: 10 steps", power(10)],
    ["defaults, 40 steps", power(40)],
    ["multiple_try, 4 tries, 10 steps", power(10, tries)],
    ["cut entropy, 10 steps", power(10, { cut: "entropy" })],
    ["proposals at T = 1, 10 steps", power(10, flat)],
    ["cut entropy, T = 1, 4 steps", power(4, { ...flat, cut: "entropy" })],
    ["smc, 8 particles, T = 1", smc(8, 1)],
    ["defaults, 160 steps", power(160)],
    ["proposals at T = 1, 40 steps", power(40, flat)],
    ["cut entropy, T = 1, 40 steps", power(40, { ...flat, cut: "entropy" })],
    ["tempering, 2 replicas, 6 steps", power(6, tempering(2))],
    ["tempering, 3 replicas, 4 steps", power(4, tempering(3))],
    ["tempering, 3 replicas, 10 steps", power(10, tempering(3))],
    ["tempering, 2, cut entropy, 4 steps", power(4, { ...tempering(2), cut: "entropy" })],
    ["smc, 16 particles", smc(16, 1 / alpha)],
    [
      "maximize, 10 steps",
      { ...shared, sampler: "maximize", mcmcSteps: 10, proposalTemperature: 1, cut: "uniform" },
    ],
  ];
}

export interface MixingRow {
  readonly passAt1: number;
  /** Share of each of the task's routes. */
  readonly routes: Readonly<Record<string, number>>;
  readonly evaluationsPerToken: number;
  readonly evaluationsPerAnswer: number;
  /** Of samplers that are chains. */
  readonly mixing?: {
    /** Share of the steps that changed the first token, and of the chains that read as unmixed. */
    readonly firstTokenChanges: number;
    readonly unmixed: number;
    /** Median of split R̂ over the prompts that it is defined for, and the share of them in which chains agree. */
    readonly medianRHat: number;
    readonly agreeing: number;
  };
}

/** Measures how chains mix on held-out prompts, at several costs, beside the target that they are of. */
export async function measureMixing(
  model: EmbeddedModel,
  folder: string,
  options: {
    readonly prompts: number;
    readonly samples: number;
    readonly onTarget: (target: Pick<MixingRow, "passAt1" | "routes">) => void;
    readonly onRow: (name: string, row: MixingRow) => void;
  },
): Promise<void> {
  const { completer } = await createCompleter({ ...usualEngine, model: folder, lanes: 32 });
  options.onTarget(await exactTarget(model, completer, options.prompts));
  for (const [name, settings] of rowsOf(model)) {
    options.onRow(name, await measureRow(model, completer, { settings, ...options }));
  }
  await completer[Symbol.asyncDispose]();
}

async function measureRow(
  { task, generation: { maxTokens } }: EmbeddedModel,
  completer: Completer,
  { settings, prompts, samples }: { settings: SamplerSettings; prompts: number; samples: number },
): Promise<MixingRow> {
  const chains = new Map<number, Chain[]>();
  let evaluated = 0;
  let emitted = 0;
  const { passAt1, routes } = await measureSampler(
    task,
    async (text, address) => {
      const prompt = task.vocabulary.encode(text);
      const answer = await complete(completer, { prompt, settings, maxTokens, ...address });
      evaluated += answer.evaluatedTokens;
      emitted += answer.tokens.length;
      const { chain, report } = answer;
      if (chain !== undefined && report.power !== undefined)
        chains.set(address.seed, [...(chains.get(address.seed) ?? []), { ...chain, ...report.power }]);
      return answer.text;
    },
    { prompts, samples },
  );
  const cost = {
    evaluationsPerToken: evaluated / emitted,
    evaluationsPerAnswer: evaluated / (prompts * samples),
  };
  const row = { passAt1, routes, ...cost };
  return chains.size === 0 ? row : { ...row, mixing: mixingOf([...chains.values()]) };
}

type Chain = MixingTrace & PowerReport;

function mixingOf(prompts: readonly (readonly Chain[])[]): NonNullable<MixingRow["mixing"]> {
  const all = prompts.flat();
  const rHats = prompts
    .flatMap((chains) => splitRHat(chains.map(({ logprobs }) => logprobs)) ?? [])
    .sort((a, b) => a - b);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    firstTokenChanges:
      sum(all.map(({ first_token_changes }) => first_token_changes)) / sum(all.map(({ steps }) => steps)),
    unmixed: all.filter(({ isUnmixed }) => isUnmixed).length / all.length,
    medianRHat: rHats[Math.floor(rHats.length / 2)] ?? NaN,
    agreeing: rHats.filter((rHat) => rHat <= agreementBound).length / rHats.length,
  };
}

async function exactTarget(
  { task, generation: { maxTokens } }: EmbeddedModel,
  completer: Completer,
  prompts: number,
): Promise<Pick<MixingRow, "passAt1" | "routes">> {
  let right = 0;
  const routes = Object.fromEntries(task.routes.map((route) => [route, 0]));
  for (const prompt of task.testPrompts(prompts)) {
    const tokens = task.vocabulary.encode(prompt);
    for (const { tokens: answer, weight } of await enumerateTarget(completer, tokens, {
      alpha,
      maxTokens,
      minLogprob,
    })) {
      const text = completer.tokenizer.decode(answer);
      routes[task.routeOf(prompt, text)]! += weight / prompts;
      if (task.isCorrect(prompt, text)) right += weight / prompts;
    }
  }
  return { passAt1: right, routes };
}
