import type { CompletionSource, SampledText } from "./completion-source.ts";
import { plainFields } from "./configurations.ts";
import type { Configuration } from "./configurations.ts";
import type { DataItem } from "./data-set.ts";
import { grade } from "./graders/graders.ts";
import type { ResultFile, Sample } from "./result-file.ts";

export interface RunOptions {
  readonly items: readonly DataItem[];
  readonly configurations: readonly Configuration[];
  readonly source: CompletionSource;
  readonly isPlain: boolean;
  readonly file: ResultFile;
  /** Samples of each item by each configuration. */
  readonly n: number;
  readonly maxTokens: number | undefined;
  readonly seed: number;
  /** Requests at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onResult: (done: number, all: number) => void;
}

/** Samples and judges what the file does not have yet. A failure stops the run; what was finished stays. */
export async function runEvaluation(options: RunOptions): Promise<void> {
  const { items, configurations, file, concurrency, signal, onResult } = options;
  const finished = new Set(file.results.map(({ configuration, id }) => JSON.stringify([configuration, id])));
  const tasks = configurations.flatMap((configuration) =>
    items.map((item, index) => ({ configuration, item, index })),
  );
  const missing = tasks.filter(
    ({ configuration, item }) => !finished.has(JSON.stringify([configuration.name, item.id])),
  );
  let done = tasks.length - missing.length;
  onResult(done, tasks.length);
  const controller = new AbortController();
  const either = AbortSignal.any([signal, controller.signal]);
  const worker = async (): Promise<void> => {
    for (let task = missing.shift(); task !== undefined; task = missing.shift()) {
      either.throwIfAborted();
      await evaluate(task, options, either);
      onResult(++done, tasks.length);
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
  // The others only tell that they were stopped.
  if (controller.signal.aborted) throw controller.signal.reason;
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

async function evaluate(
  { configuration, item, index }: { configuration: Configuration; item: DataItem; index: number },
  { source, isPlain, file, n, maxTokens, seed }: RunOptions,
  signal: AbortSignal,
): Promise<void> {
  const sampling = isPlain ? plainFields(configuration)! : configuration.fields;
  // One greedy answer is all greedy answers.
  const isGreedy = configuration.fields.sampler === "greedy";
  const itemSeed = seed + index;
  const fields = {
    ...sampling,
    n: isGreedy ? 1 : n,
    // The same seed would give every prompt the same uniforms.
    seed: itemSeed,
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
  };
  const start = performance.now();
  const { samples, tokens } = await source.sample(item, fields, signal);
  const seconds = (performance.now() - start) / 1000;
  const judged = await Promise.all(
    samples.map(async (sample) => toSample(sample, tokens / samples.length, await grade(sample.text, item))),
  );
  await file.append({
    configuration: configuration.name,
    id: item.id,
    seed: itemSeed,
    seconds,
    samples: isGreedy ? Array.from({ length: n }, () => judged[0]!) : judged,
  });
}

function toSample(
  { text, finish, logprobs, entropies, power }: SampledText,
  meanTokens: number,
  judgement: { readonly answer: string; readonly isCorrect: boolean },
): Sample {
  const tokens = logprobs.length > 0 ? logprobs.length : Math.round(meanTokens);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    text,
    ...judgement,
    tokens,
    logprob: logprobs.length > 0 ? sum(logprobs) : null,
    meanEntropy: entropies.length > 0 ? sum(entropies) / entropies.length : null,
    finish,
    evaluatedTokens: power?.evaluated_tokens ?? tokens,
    ...(power === undefined
      ? {}
      : {
          steps: power.steps,
          accepted: power.accepted + power.unchanged,
          firstTokenChanges: power.first_token_changes,
        }),
  };
}
