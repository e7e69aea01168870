import { setMaxListeners } from "node:events";
import { InferenceError } from "../core/errors.ts";
import { version } from "../core/version.ts";
import { samplerFields, samplers } from "../samplers/registry.ts";
import type { Score } from "./base-model.ts";
import type { CompletionSource, SampledText } from "./completion-source.ts";
import { plainFields } from "./configurations.ts";
import type { Configuration } from "./configurations.ts";
import type { DataItem } from "./data-set.ts";
import { grade } from "./graders/graders.ts";
import type { GradeOptions } from "./graders/graders.ts";
import { keyOf } from "./result.ts";
import type { Results } from "./result-file.ts";
import type { Sample } from "./result.ts";
import { SharedClock } from "./shared-clock.ts";

/** A model and how to reach it. */
export interface EvaluatedModel {
  readonly name: string;
  readonly source: string;
}

export interface RunOptions extends GradeOptions {
  readonly items: readonly DataItem[];
  readonly model: EvaluatedModel;
  readonly configurations: readonly Configuration[];
  readonly completions: CompletionSource;
  readonly isPlain: boolean;
  /** Scores completions under a base; without it they keep what the model itself says of them. */
  readonly score: Score | undefined;
  readonly file: Results;
  /** Samples of each item by each configuration. */
  readonly n: number;
  readonly maxTokens: number | undefined;
  readonly seed: number;
  /** Requests at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onResult: () => void;
}

interface Task {
  readonly configuration: Configuration;
  readonly item: DataItem;
  readonly seed: number;
}

/** What a file does not have yet, item by item, so that what is done tells how long the rest will take. */
export function missingTasks({
  items,
  model,
  configurations,
  file,
  seed,
}: Pick<RunOptions, "items" | "model" | "configurations" | "file" | "seed">): Task[] {
  const finished = new Set(file.results.map(keyOf));
  // The same seed would give every prompt the same uniforms.
  const tasks = items.flatMap((item, index) =>
    configurations.map((configuration) => ({ configuration, item, seed: seed + index })),
  );
  return tasks.filter(
    ({ configuration, item }) =>
      !finished.has(keyOf({ model: model.name, configuration: configuration.name, id: item.id })),
  );
}

/** Samples and judges what the file does not have yet. A failure stops the run; what was finished stays. */
export async function runEvaluation(options: RunOptions): Promise<void> {
  const { concurrency, signal, onResult } = options;
  const missing = missingTasks(options);
  const controller = new AbortController();
  const either = AbortSignal.any([signal, controller.signal]);
  // Each question that is asked listens, and more than once where it asks for several answers.
  setMaxListeners(0, either);
  const clock = new SharedClock();
  const worker = async (): Promise<void> => {
    for (let task = missing.shift(); task !== undefined; task = missing.shift()) {
      either.throwIfAborted();
      await evaluate(task, { ...options, signal: either, clock });
      onResult();
    }
  };
  const workers = Array.from({ length: concurrency }, async () => {
    try {
      await worker();
    } catch (error) {
      controller.abort(error);
      throw error;
    }
  });
  const outcomes = await Promise.allSettled(workers);
  signal.throwIfAborted();
  // The other tasks fail only because they were stopped.
  if (controller.signal.aborted) throw controller.signal.reason;
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

async function evaluate(
  { configuration, item, seed }: Task,
  options: RunOptions & { readonly clock: SharedClock },
): Promise<void> {
  const { model, completions, isPlain, file, n, maxTokens, signal, clock } = options;
  // One answer is all of them.
  const isAlwaysSame = samplers[configuration.fields.sampler].ignoresSeed === true;
  const fields = {
    ...(isPlain ? plainFields(configuration) : { ...ownCost(configuration), ...configuration.fields }),
    n: isAlwaysSame ? 1 : n,
    seed,
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
  };
  const end = clock.begin(fields.n);
  const { samples, tokens, splitRHat } = await completions
    .sample(item, fields, signal)
    .catch((error: unknown) => {
      throw error instanceof InferenceError && error.code === "invalid_request" ? atItem(item, error) : error;
    });
  const times = end();
  const likelihoods = await Promise.all(samples.map((sample) => likelihoodOf(item, sample, options)));
  const judged: Sample[] = [];
  // One by one, so that graders that run programs run no more of them than there are requests.
  for (const [index, sample] of samples.entries()) {
    const { text, finish } = sample;
    const known = judged.find((other) => other.text === text);
    const { answer, isCorrect, isUnanswered } = known ?? (await grade(text, item, options));
    const meanTokens = tokens === undefined ? null : Math.round(tokens / samples.length);
    const likelihood = likelihoods[index]!;
    const verdict = { text, answer, isCorrect, ...(isUnanswered === true ? { isUnanswered } : {}) };
    judged.push({ ...verdict, finish, likelihood, ...costOf(sample, meanTokens) });
  }
  await file.append({
    model: model.name,
    source: model.source,
    configuration: configuration.name,
    fields: configuration.fields,
    id: item.id,
    seed,
    ...times,
    ...{ at: new Date().toISOString(), version },
    ...(splitRHat === undefined ? {} : { splitRHat }),
    samples: isAlwaysSame ? Array.from({ length: n }, () => judged[0]!) : judged,
  });
}

/** Says which question it was that the server would not take. */
const atItem = ({ id }: DataItem, error: InferenceError): InferenceError =>
  new InferenceError(error.code, `question '${id}': ${error.message}`, { cause: error });

/** Makes an answer's cost depend on its request alone, where answers to a prompt share a memo. */
const ownCost = ({ fields }: Configuration): { readonly isolated?: true } =>
  samplerFields.isolated.users.includes(fields.sampler) ? { isolated: true } : {};

async function likelihoodOf(
  item: DataItem,
  sample: SampledText,
  { score, signal }: RunOptions,
): Promise<Sample["likelihood"]> {
  const { logprobs, entropies, upperEntropies, selfCertainty } = sample;
  // Whoever scores the answer, this is of the model that gave it.
  const own = selfCertainty === undefined ? {} : { selfCertainty };
  if (score !== undefined) return { ...(await score(item, sample, signal)), ...own };
  if (logprobs.length === 0) return null;
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    tokens: logprobs.length,
    logprob: sum(logprobs),
    meanEntropy: entropies.length > 0 ? sum(entropies) / entropies.length : null,
    ...(upperEntropies === undefined || upperEntropies.length === 0
      ? {}
      : { meanEntropyUpper: sum(upperEntropies) / upperEntropies.length }),
    ...own,
  };
}

function costOf(
  { logprobs, report }: SampledText,
  meanTokens: number | null,
): Pick<Sample, "tokens" | "evaluatedTokens" | "drawnTokens" | "rememberedTokens" | "exact" | "chain"> {
  const tokens = logprobs.length > 0 ? logprobs.length : meanTokens;
  const paid = {
    tokens,
    evaluatedTokens: report?.evaluated_tokens ?? tokens,
    drawnTokens: report?.drawn_tokens ?? tokens,
    rememberedTokens: report?.remembered_tokens ?? null,
    ...(report?.exact === undefined ? {} : { exact: { isExact: report.exact, tries: report.tries ?? 0 } }),
  };
  const chain = report?.fallback ?? report;
  if (chain?.mixing_warning === undefined) return paid;
  const { steps = 0, accepted = 0, unchanged = 0, first_token_changes = 0, mixing_warning } = chain;
  return {
    ...paid,
    chain: {
      steps,
      accepted: accepted + unchanged,
      moved: accepted,
      firstTokenChanges: first_token_changes,
      isUnmixed: mixing_warning !== null,
    },
  };
}
