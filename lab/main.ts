import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { init } from "@jax-js/jax";
import { SingleBar } from "cli-progress";
import { Argument, Command } from "commander";
import { isMendable } from "../src/assembly/mendable.ts";
import { writeWhole } from "../src/files/write-whole.ts";
import { checkpointCommand } from "./checkpoint-command.ts";
import { decoderShape, usualSize } from "./decoder-size.ts";
import type { DecoderSize } from "./decoder-size.ts";
import { embeddedModelNames, embeddedModels, modelFiles, readModel } from "./embedded-model.ts";
import type { EmbeddedModel, EmbeddedModelName } from "./embedded-model.ts";
import { evaluate } from "./evaluate.ts";
import { exportOnnx } from "./export-onnx.ts";
import { toCount, toNumber, toWidth } from "./option-values.ts";
import { checkpointsCommand } from "./rl/checkpoints-command.ts";
import { rlCommand } from "./rl/command.ts";
import { tabularCommand } from "./tabular/command.ts";
import { mixingCommand } from "./mixing-command.ts";
import { testSize } from "./task.ts";
import { train, usualTraining } from "./train.ts";

const program = new Command("lab")
  .description(
    "Trains the embedded models, shows what reinforcement learning does to them, and writes them for other servers.",
  )
  .addCommand(mixingCommand)
  .addCommand(checkpointCommand)
  .addCommand(rlCommand)
  .addCommand(checkpointsCommand)
  .addCommand(tabularCommand);

const whichModel = (): Argument =>
  new Argument("[model]", "which embedded model").choices(embeddedModelNames).default("abacus");

const folderOf = (name: string, out: string | undefined): string => out ?? join("models", name);

interface TrainOptions extends DecoderSize {
  readonly seed: number;
  readonly steps: number;
  readonly out?: string;
}

program
  .command("train")
  .description("train a model and write its folder")
  .addArgument(whichModel())
  .option("--seed <n>", "seed of weights and data", toNumber, usualTraining.seed)
  .option("--steps <n>", "optimiser steps", toCount, usualTraining.steps)
  .option("--width <n>", "columns of the residual, a multiple of 16", toWidth, usualSize.width)
  .option("--layers <n>", "layers", toCount, usualSize.layers)
  .option("--out <folder>", "where to write the model; models/NAME when left out")
  .action(async (name: EmbeddedModelName, options: TrainOptions) => {
    const { seed, steps } = options;
    const usual = embeddedModels[name];
    const model: EmbeddedModel = { ...usual, shape: decoderShape(usual.task.vocabulary, options) };
    const out = folderOf(name, options.out);
    await init("wasm");
    const bar = new SingleBar({
      format: "{bar} {value}/{total} steps  loss {loss}  {eta_formatted} left",
      noTTYOutput: true,
      gracefulExit: false,
    });
    // The bar's own handler would restore the terminal and train on.
    process.once("SIGINT", () => {
      bar.stop();
      process.exit(130);
    });
    bar.start(steps, 0, { loss: "-" });
    let mean = 0;
    const values = await train(
      model,
      { ...usualTraining, seed, steps },
      {
        excluded: new Set(model.task.testPrompts(testSize)),
        onStep: (step, loss) => {
          mean = step === 1 ? loss : mean + 0.02 * (loss - mean);
          bar.update(step, { loss: mean.toFixed(4) });
        },
      },
    );
    bar.stop();
    console.log(`loss over the last steps: ${mean.toFixed(4)} nats per token`);
    await mkdir(out, { recursive: true });
    await writeWhole(
      join(out, "model.onnx"),
      exportOnnx(model.shape, (weight) => values.get(weight)!),
    );
    await writeFiles(model, out);
    console.log(`written to ${out}`);
  });

program
  .command("files")
  .description("write tokenizer, configuration and test set beside an existing model.onnx")
  .addArgument(whichModel())
  .option("--out <folder>", "the model's folder; models/NAME when left out")
  .action(async (name: EmbeddedModelName, options: { out?: string }) => {
    const out = folderOf(name, options.out);
    await writeFiles((await readModel(name, out)).model, out);
  });

program
  .command("measure")
  .description("measure the samplers on the held-out prompts, as the model card's table has it")
  .addArgument(whichModel())
  .option("--folder <folder>", "the model's folder; models/NAME when left out")
  .option("--prompts <n>", "held-out prompts", toCount, testSize)
  .option("--samples <n>", "completions of each", toCount, 16)
  .action(async (name: EmbeddedModelName, options: { folder?: string; prompts: number; samples: number }) => {
    const model = embeddedModels[name];
    const { prompts, samples } = options;
    const routes = model.task.routes.join("/");
    console.log(`| sampler | pass@1 | se | @4 | @16 | ${routes} | evaluations per token |`);
    console.log("|---|---|---|---|---|---|---|");
    await evaluate(model, folderOf(name, options.folder), {
      prompts,
      samples,
      onRow: (sampler, row, evaluations) => {
        const shares = Object.values(row.routes).map((share) => share.toFixed(2));
        const figures = [row.passAt1, row.standardError, row.passAt4, row.passAtAll].map((value) =>
          value.toFixed(3),
        );
        console.log(`| ${[sampler, ...figures, shares.join("/"), evaluations.toFixed(2)].join(" | ")} |`);
      },
    });
  });

async function writeFiles(model: EmbeddedModel, out: string): Promise<void> {
  for (const [file, content] of modelFiles(model)) await writeWhole(join(out, file), content);
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(isMendable(error) ? `error: ${error.message}` : error);
  process.exitCode = 1;
}
