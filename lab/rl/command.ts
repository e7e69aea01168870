import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { init } from "@jax-js/jax";
import { SingleBar } from "cli-progress";
import { Argument, Command, Option } from "commander";
import { fileFault } from "../../src/files/file-fault.ts";
import { writeWhole } from "../../src/files/write-whole.ts";
import { embeddedModelNames, modelFiles, readModel } from "../embedded-model.ts";
import type { EmbeddedModelName } from "../embedded-model.ts";
import { exportOnnx } from "../export-onnx.ts";
import { toCount, toNumber, toPositive, toShare, toWeight, toWindow } from "../option-values.ts";
import { adjustMethod, methodNames } from "./methods.ts";
import type { Adjustments, MethodName } from "./methods.ts";
import { checkTraining, trainPolicy, usualPolicyTraining } from "./train-policy.ts";
import type { PolicyTraining } from "./train-policy.ts";

interface Options extends Adjustments {
  readonly method: MethodName;
  readonly base?: string;
  readonly out: string;
  readonly steps: number;
  readonly seed: number;
  readonly prompts: number;
  readonly group: number;
  readonly minibatches: number;
  readonly learningRate: number;
  readonly warmup: number;
  readonly heldOut: number;
  readonly heldOutSamples: number;
  readonly entropyPrompts?: number;
}

const usual = usualPolicyTraining;

export const rlCommand = new Command("rl")
  .description("train an embedded model by reinforcement learning on its task, and log its policy entropy")
  .addArgument(new Argument("[model]", "which embedded model").choices(embeddedModelNames).default("abacus"))
  .addOption(new Option("--method <name>", "the loss").choices(methodNames).default("grpo"))
  .requiredOption("--out <folder>", "where to write model, settings and training.jsonl")
  .option("--base <folder>", "folder of the model to start from; models/NAME when left out")
  .option("--steps <n>", "rollout steps", toCount, usual.steps)
  .option("--seed <n>", "seed of prompts, rollouts and selection", toNumber, usual.seed)
  .option("--prompts <n>", "prompts per step", toCount, usual.promptsPerStep)
  .option("--group <n>", "responses to each prompt", toCount, usual.groupSize)
  .option("--minibatches <n>", "updates per step", toCount, usual.minibatches)
  .option("--learning-rate <x>", "of AdamW", toPositive, usual.learningRate)
  .option("--warmup <n>", "updates over which it rises", toCount, usual.warmupUpdates)
  .option(
    "--coefficient <x>",
    "weight of the entropy bonus, of the reference KL (power distillation's anchor), or of KL-Cov's penalty; the method's own when left out",
    toWeight,
  )
  .option(
    "--fraction <x>",
    "of tokens that Clip-Cov or KL-Cov acts on; the method's own when left out",
    toShare,
  )
  .option(
    "--window <window>",
    "of Clip-Cov, as LOW,HIGH or as quantiles of the first step: q0.97,q1",
    toWindow,
  )
  .option("--alpha <x>", "exponent of power distillation; the method's own when left out", toPositive)
  .option("--held-out <n>", "held-out prompts per step", toCount, usual.heldOut.prompts)
  .option("--held-out-samples <n>", "samples of each", toCount, usual.heldOut.samples)
  .option(
    "--entropy-prompts <n>",
    "training prompts that H is measured on, as often answered; the step's own responses when left out",
    toCount,
  )
  .action(async (name: EmbeddedModelName, options: Options) => {
    const { out, steps } = options;
    const training = readTraining(options);
    const base = options.base ?? join("models", name);
    const { model, values } = await readModel(name, base);
    await mkdir(out, { recursive: true });
    const log = join(out, "training.jsonl");
    await writeWhole(log, "");
    await writeWhole(join(out, "training.json"), `${JSON.stringify({ base, ...training }, null, 2)}\n`);
    await init("wasm");
    const bar = new SingleBar({
      format: "{bar} {value}/{total} steps  entropy {entropy}  right {right}  {eta_formatted} left",
      noTTYOutput: true,
      gracefulExit: false,
    });
    const interrupt = new AbortController();
    process.once("SIGINT", () => {
      console.log("\nends after this step; once more to give up at once");
      interrupt.abort();
    });
    bar.start(steps, 0, { entropy: "-", right: "-" });
    const trained = await trainPolicy(model, values, training, {
      signal: interrupt.signal,
      onLine: async (line) => {
        await appendFile(log, `${JSON.stringify(line, roundNumbers)}\n`).catch((error: unknown) => {
          throw fileFault(`${log} cannot be written`, error);
        });
        bar.update(line.step, { entropy: line.H.toFixed(3), right: line.R.toFixed(3) });
      },
    });
    bar.stop();
    await writeWhole(
      join(out, "model.onnx"),
      exportOnnx(model.shape, (weight) => trained.get(weight)!),
    );
    for (const [file, content] of modelFiles(model))
      if (file !== "test.jsonl") await writeWhole(join(out, file), content);
    console.log(`written to ${out}`);
    if (interrupt.signal.aborted) process.exitCode = 130;
  });

/** What cannot be run ends here, before anything is written. */
function readTraining(options: Options): PolicyTraining {
  try {
    const training = trainingOf(options);
    checkTraining(training);
    return training;
  } catch (error) {
    return rlCommand.error(`error: ${(error as Error).message}`);
  }
}

function trainingOf(options: Options): PolicyTraining {
  const { method: name, steps, seed, group, minibatches, learningRate, entropyPrompts } = options;
  return {
    name,
    method: adjustMethod(name, options),
    seed,
    steps,
    promptsPerStep: options.prompts,
    groupSize: group,
    minibatches,
    learningRate,
    warmupUpdates: options.warmup,
    heldOut: { prompts: options.heldOut, samples: options.heldOutSamples },
    ...(entropyPrompts !== undefined && { entropyPrompts }),
  };
}

/** Six significant digits are more than a sample of this size tells. */
const roundNumbers = (_key: string, value: unknown): unknown =>
  typeof value === "number" ? Number(value.toPrecision(6)) : value;
