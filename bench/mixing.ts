/**
 * How often the sign that a chain has not mixed is right, and which sign is right most often. A group is a prompt at one
 * setting. Of the embedded models the target is enumerated: a group has mixed when the law of its answers, over many
 * seeds, is within `near` of p^α in total variation beyond what as many exact draws would show, and has not when it is
 * further off than `far`. What lies between counts neither way. Of another model nothing can be enumerated: a group has
 * mixed when the log p of its chains at the end of a run, and 50 steps at full length later, are no longer correlated
 * over chains.
 */
import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { Completer, MixingTrace } from "../src/decoder/completer.ts";
import { splitRHat } from "../src/mcmc/mixing.ts";
import { promptMixing } from "../src/server/presenters/mixing.ts";
import type { PromptMixing } from "../src/server/schemas/completions.ts";
import type { PowerReport } from "../src/samplers/power/report.ts";
import type { SettingsOf } from "../src/samplers/registry.ts";
import { embeddedModels } from "../lab/embedded-model.ts";
import type { EmbeddedModel } from "../lab/embedded-model.ts";
import { complete } from "../lab/complete.ts";
import { enumerateTarget } from "../lab/exact.ts";
import type { WeighedCompletion } from "../lab/exact.ts";
import { encodeQuestion } from "./question.ts";
import { printTable } from "./report.ts";

const near = 0.1;
const far = 0.25;

interface Chain {
  readonly power: PowerReport;
  readonly text: string;
  /** log p after each step since the completion was last extended. */
  readonly trace: readonly number[];
  readonly chain: MixingTrace;
}

/** Signs that a chain has not mixed: each is seen by one chain alone. */
const signs: Readonly<Record<string, (chain: Chain) => boolean>> = {
  "mixing_warning (the rule)": ({ power }) => power.mixing_warning !== null,
  "first token kept, under 5 others proposed (the rule before)": ({ power }) =>
    power.steps > 0 &&
    (power.first_token_entropy ?? 0) >= 0.3 &&
    power.first_token_changes + (power.first_token_swaps ?? 0) === 0 &&
    power.first_token_proposals < 5,
  "first token never changed": ({ power }) =>
    power.first_token_changes + (power.first_token_swaps ?? 0) === 0,
  "under half rewritten since the last extension": ({ power }) => power.rewritten_share < 0.5,
  "nothing rewritten since the last extension": ({ power }) => power.rewritten_share === 0,
  "effective sample size of log p under 3": ({ trace }) => effectiveSize(trace) < 3,
  "acceptance under 0.2": ({ power }) => power.acceptance < 0.2,
  "moved in under a tenth of the steps": ({ power }) => power.moved < power.steps / 10,
};

/** n / (1 + 2 Σ ρ_k), the sum ending where a pair of autocorrelations turns negative (Geyer 1992); 0 without change. */
function effectiveSize(trace: readonly number[]): number {
  const middle = mean(trace);
  const covariance = (lag: number): number =>
    trace.slice(lag).reduce((sum, value, at) => sum + (value - middle) * (trace[at]! - middle), 0);
  const variance = covariance(0);
  if (!(variance > 1e-6)) return 0;
  let sum = -1;
  for (let lag = 0; lag + 1 < trace.length; lag += 2) {
    const pair = (covariance(lag) + covariance(lag + 1)) / variance;
    if (pair < 0) break;
    sum += 2 * pair;
  }
  return trace.length / Math.max(sum, 1 / trace.length);
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Chains of a group, with whether they have mixed; undefined where that is not clear. */
interface Group {
  readonly name: string;
  readonly chains: readonly Chain[];
  readonly distance: number;
  readonly hasMixed: boolean | undefined;
}

type Settings = SettingsOf<"power">;
const settingsOf = (alpha: number, changes: Partial<Settings>): Settings => ({
  sampler: "power",
  alpha,
  mcmcSteps: 10,
  blockSize: 4,
  proposalTemperature: 1 / alpha,
  schedule: "full",
  ...changes,
});

const tempering = { kernel: { name: "tempering", replicas: 3 }, proposalTemperature: 1 } as const;
const enumeratedSettings: readonly (readonly [string, Settings])[] = [
  ["alpha 4, 0 steps", settingsOf(4, { mcmcSteps: 0 })],
  ["alpha 4, 2 steps", settingsOf(4, { mcmcSteps: 2 })],
  ["alpha 4, 10 steps", settingsOf(4, {})],
  ["alpha 4, 40 steps", settingsOf(4, { mcmcSteps: 40 })],
  ["alpha 4, 160 steps", settingsOf(4, { mcmcSteps: 160 })],
  ["alpha 4, T = 1, 10 steps", settingsOf(4, { proposalTemperature: 1 })],
  ["alpha 4, T = 1, 40 steps", settingsOf(4, { proposalTemperature: 1, mcmcSteps: 40 })],
  ["alpha 4, T = 1, cut entropy, 10 steps", settingsOf(4, { proposalTemperature: 1, cut: "entropy" })],
  ["alpha 4, tempering, 10 steps", settingsOf(4, tempering)],
  ["alpha 2, 10 steps", settingsOf(2, {})],
  ["alpha 1.25, 10 steps", settingsOf(1.25, {})],
  ["alpha 1, T = 1, 10 steps", settingsOf(1, {})],
  ["alpha 1, T = 1, 0 steps", settingsOf(1, { mcmcSteps: 0 })],
];

async function draw(
  completer: Completer,
  prompt: readonly number[],
  { settings, maxTokens, count }: { settings: Settings; maxTokens: number; count: number },
): Promise<Chain[]> {
  const answers = Array.from({ length: count }, async (_, choice) => {
    const asked = { prompt, settings, maxTokens, seed: prompt[0]!, choice };
    const { report, text, chain } = await complete(completer, asked);
    return { power: report.power!, text, trace: chain!.logprobs, chain: chain! };
  });
  return Promise.all(answers);
}

/** Total variation between the answers of chains and the target, less what as many exact draws are off by. */
function distanceOf(chains: readonly Chain[], target: ReadonlyMap<string, number>): number {
  const counts = new Map<string, number>();
  for (const { text } of chains) counts.set(text, (counts.get(text) ?? 0) + 1);
  const answers = new Set([...counts.keys(), ...target.keys()]);
  let distance = 0;
  let expected = 0;
  for (const answer of answers) {
    const share = target.get(answer) ?? 0;
    distance += Math.abs((counts.get(answer) ?? 0) / chains.length - share) / 2;
    // E|p̂ − p| of a share by the normal law, and by Poisson's where it is small.
    const spread = Math.sqrt((share * (1 - share)) / chains.length);
    expected += Math.min(spread * Math.sqrt(2 / Math.PI), 2 * share) / 2;
  }
  return distance - expected;
}

interface Enumerated {
  readonly maxTokens: number;
  readonly settings: readonly (readonly [string, Settings])[];
  readonly seeds: number;
  /** Beginnings less likely than this are left out of the target, nats. */
  readonly minLogprob: number;
}

/** Groups of a prompt, but those whose target has too much mass in what was left out. */
async function enumeratedGroups(
  completer: Completer,
  prompt: readonly number[],
  { maxTokens, settings: all, seeds, minLogprob }: Enumerated,
): Promise<Group[]> {
  const found = await enumerateTarget(completer, prompt, { alpha: 1, maxTokens, minLogprob });
  const groups: Group[] = [];
  for (const [name, settings] of all) {
    const { alpha } = settings;
    // Drafts at α = 1 are draws from the target as they are.
    const isExact = alpha === 1;
    const { law, leftOut } = targetOf(completer, found, { alpha, minLogprob });
    if (!isExact && leftOut > mostLeftOut) continue;
    const chains = await draw(completer, prompt, { settings, maxTokens, count: seeds });
    const distance = isExact ? 0 : distanceOf(chains, law);
    const hasMixed = distance <= near ? true : distance >= far ? false : undefined;
    groups.push({ name, chains, distance, hasMixed });
  }
  return groups;
}

const mostLeftOut = 0.1;

/** p^α by answer, and a bound on its share that was left out: of the rest of p, no beginning is likelier than said. */
function targetOf(
  completer: Completer,
  found: readonly WeighedCompletion[],
  { alpha, minLogprob }: { alpha: number; minLogprob: number },
): { law: ReadonlyMap<string, number>; leftOut: number } {
  const sumOf = (power: number): number =>
    found.reduce((sum, { logprob }) => sum + Math.exp(power * logprob), 0);
  const total = sumOf(alpha);
  const rest = Math.max(0, 1 - sumOf(1)) * Math.exp((alpha - 1) * minLogprob);
  const law = new Map<string, number>();
  for (const { tokens, logprob } of found) {
    // Completions that read alike are one answer.
    const text = completer.tokenizer.decode([...tokens]);
    law.set(text, (law.get(text) ?? 0) + Math.exp(alpha * logprob) / total);
  }
  return { law, leftOut: rest / (rest + total) };
}

async function embeddedGroups(
  { task, generation }: EmbeddedModel,
  size: { prompts: number; seeds: number },
): Promise<Group[]> {
  const { completer } = await createCompleter({ ...usualEngine, model: `models/${task.name}`, lanes: 32 });
  const groups: Group[] = [];
  for (const text of task.testPrompts(size.prompts))
    groups.push(
      ...(await enumeratedGroups(completer, task.vocabulary.encode(text), {
        maxTokens: generation.maxTokens,
        settings: enumeratedSettings,
        seeds: size.seeds,
        minLogprob: -7,
      })),
    );
  await completer[Symbol.asyncDispose]();
  return groups;
}

/** What a model answers in few tokens, which can be enumerated. */
const shortQuestions = [
  "What is the capital of France?",
  "What is 17 times 6?",
  "Is a tomato a fruit or a vegetable?",
  "Is 91 a prime number? Answer yes or no.",
  "What is the opposite of hot?",
  "Say hello.",
];

async function shortGroups(folder: string, threads: number, seeds: number): Promise<Group[]> {
  const settings = { ...usualEngine, model: folder, threads, lanes: 32, context: 256 };
  const { completer } = await createCompleter(settings);
  const groups: Group[] = [];
  for (const question of shortQuestions) {
    console.log(question);
    groups.push(
      ...(await enumeratedGroups(completer, await encodeQuestion(completer, question), {
        maxTokens: 8,
        settings: enumeratedSettings,
        seeds,
        minLogprob: -8,
      })),
    );
  }
  await completer[Symbol.asyncDispose]();
  return groups;
}

const questions = [
  "What is 17 times 6? Think step by step.",
  "Is a tomato a fruit or a vegetable?",
  "Name three uses of copper.",
];

async function modelGroups(folder: string, threads: number, seeds: number): Promise<Group[]> {
  const settings = { ...usualEngine, model: folder, threads, context: 256 };
  const { completer } = await createCompleter(settings);
  const groups: Group[] = [];
  for (const question of questions) {
    const prompt = await encodeQuestion(completer, question);
    for (const alpha of [4, 2]) {
      const size = { maxTokens: 64, count: seeds };
      const chains = await draw(completer, prompt, { settings: settingsOf(alpha, {}), ...size });
      const longer = await draw(completer, prompt, {
        settings: settingsOf(alpha, { mcmcSteps: 50 }),
        ...size,
      });
      const distance = correlation(
        longer.map(({ trace }) => trace.at(-50)!),
        longer.map(({ trace }) => trace.at(-1)!),
      );
      const name = `alpha ${alpha}, 10 steps, "${question}"`;
      groups.push({ name, chains, distance, hasMixed: distance < 0.5 });
      console.log(`${name}: correlation ${distance.toFixed(2)}`);
    }
  }
  await completer[Symbol.asyncDispose]();
  return groups;
}

/** 0 where either does not vary. */
function correlation(left: readonly number[], right: readonly number[]): number {
  const [a, b] = [mean(left), mean(right)];
  const product = (f: (at: number) => number): number => mean(left.map((_, at) => f(at)));
  const covariance = product((at) => (left[at]! - a) * (right[at]! - b));
  const spread = Math.sqrt(product((at) => (left[at]! - a) ** 2) * product((at) => (right[at]! - b) ** 2));
  return spread < 1e-9 ? 0 : covariance / spread;
}

const shareOf = <Item>(items: readonly Item[], sign: (item: Item) => boolean): string =>
  items.length === 0 ? "–" : (items.filter(sign).length / items.length).toFixed(2);

function printGroups(title: string, groups: readonly Group[], distance: string): void {
  console.log(`\n${title}\n`);
  const names = [...new Set(groups.map(({ name }) => name))];
  printTable(
    ["setting", distance, "groups mixed / unmixed / between", "chains warned", "by the rule before"],
    names.map((name) => {
      const own = groups.filter((group) => group.name === name);
      const count = (hasMixed: boolean | undefined): number =>
        own.filter((group) => group.hasMixed === hasMixed).length;
      const chains = own.flatMap((group) => group.chains);
      const [rule, before] = Object.values(signs);
      const distances = own.map((group) => group.distance);
      const counts = `${count(true)} / ${count(false)} / ${count(undefined)}`;
      return [name, mean(distances).toFixed(2), counts, shareOf(chains, rule!), shareOf(chains, before!)];
    }),
  );
  const chainsOf = (hasMixed: boolean): Chain[] =>
    groups.flatMap((group) => (group.hasMixed === hasMixed ? group.chains : []));
  const [mixed, unmixed] = [chainsOf(true), chainsOf(false)];
  console.log(`\n${mixed.length} chains of mixed groups, ${unmixed.length} of unmixed ones\n`);
  printTable(
    ["sign", "false alarms: of mixed chains", "misses: of unmixed chains"],
    Object.entries(signs).map(([name, sign]) => [
      name,
      shareOf(mixed, sign),
      shareOf(unmixed, (chain) => !sign(chain)),
    ]),
  );
  printTable(
    ["sign in 8 chains of a prompt", "false alarms: of mixed prompts", "misses: of unmixed prompts"],
    Object.entries(promptSigns).map(([name, sign]) => {
      const setsOf = (hasMixed: boolean): (readonly Chain[])[] =>
        groups.flatMap((group) => (group.hasMixed === hasMixed ? setsOfEight(group.chains) : []));
      return [name, shareOf(setsOf(true), sign), shareOf(setsOf(false), (set) => !sign(set))];
    }),
  );
}

const setsOfEight = (chains: readonly Chain[]): (readonly Chain[])[] =>
  Array.from({ length: Math.floor(chains.length / 8) }, (_, set) => chains.slice(8 * set, 8 * set + 8));

const mixingOf = (chains: readonly Chain[]): PromptMixing =>
  promptMixing(
    0,
    chains.map(({ chain }) => chain),
  );

/** Signs in the chains of one prompt together. */
const promptSigns: Readonly<Record<string, (chains: readonly Chain[]) => boolean>> = {
  "warning of mixing (the rule)": (chains) => mixingOf(chains).warning !== null,
  "split R-hat above 1.1": (chains) => (splitRHat(chains.map(({ trace }) => trace)) ?? 0) > 1.1,
  "half of the chains warn": (chains) => 2 * mixingOf(chains).unmixed_chains >= chains.length,
};

/** The table of docs/kernels.md. */
export async function benchMixing(threads: number, model?: string): Promise<void> {
  if (model !== undefined) {
    const short = await shortGroups(model, threads, 24);
    printGroups(`${model}, 8 tokens`, short, "total variation, mean");
    printGroups(`${model}, 64 tokens`, await modelGroups(model, threads, 8), "correlation over 50 steps");
    return;
  }
  for (const embedded of Object.values(embeddedModels))
    printGroups(
      embedded.task.name,
      await embeddedGroups(embedded, { prompts: 4, seeds: 64 }),
      "total variation, mean",
    );
}
