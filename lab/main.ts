import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { init } from "@jax-js/jax";
import { SingleBar } from "cli-progress";
import { Command } from "commander";
import { testPrompts, testSize } from "./abacus.ts";
import { abacusFiles, abacusShape } from "./abacus-model.ts";
import { evaluate } from "./evaluate.ts";
import { exportOnnx } from "./export-onnx.ts";
import { train, usualTraining } from "./train.ts";

const program = new Command("lab").description("Trains the embedded models.");

program
  .command("train")
  .description("train the abacus model and write its folder")
  .option("--seed <n>", "seed of weights and data", Number, usualTraining.seed)
  .option("--steps <n>", "optimiser steps", Number, usualTraining.steps)
  .option("--out <folder>", "where to write the model", join("models", "abacus"))
  .action(async ({ seed, steps, out }: { seed: number; steps: number; out: string }) => {
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
      abacusShape,
      { ...usualTraining, seed, steps },
      {
        excluded: new Set(testPrompts(testSize)),
        onStep: (step, loss) => {
          mean = step === 1 ? loss : mean + 0.02 * (loss - mean);
          bar.update(step, { loss: mean.toFixed(4) });
        },
      },
    );
    bar.stop();
    console.log(`loss over the last steps: ${mean.toFixed(4)} nats per token`);
    await mkdir(out, { recursive: true });
    await writeFile(
      join(out, "model.onnx"),
      exportOnnx(abacusShape, (name) => values.get(name)!),
    );
    await writeFiles(out);
    console.log(`written to ${out}`);
  });

program
  .command("files")
  .description("write tokenizer, configuration and test set beside an existing model.onnx")
  .option("--out <folder>", "the model's folder", join("models", "abacus"))
  .action(async ({ out }: { out: string }) => {
    await readFile(join(out, "model.onnx"));
    await writeFiles(out);
  });

program
  .command("measure")
  .description("measure the samplers on the held-out prompts, as the model card's table has it")
  .option("--model <folder>", "the model's folder", join("models", "abacus"))
  .option("--prompts <n>", "held-out prompts", Number, testSize)
  .option("--samples <n>", "completions of each", Number, 16)
  .action(async ({ model, prompts, samples }: { model: string; prompts: number; samples: number }) => {
    console.log("| sampler | pass@1 | se | @4 | @16 | guess/school/pocket | evaluations per token |");
    console.log("|---|---|---|---|---|---|---|");
    await evaluate(model, {
      prompts,
      samples,
      onRow: (name, row, evaluations) => {
        const shares = Object.values(row.routes).map((share) => share.toFixed(2));
        const figures = [row.passAt1, row.standardError, row.passAt4, row.passAtAll].map((value) =>
          value.toFixed(3),
        );
        console.log(`| ${[name, ...figures, shares.join("/"), evaluations.toFixed(2)].join(" | ")} |`);
      },
    });
  });

async function writeFiles(out: string): Promise<void> {
  for (const [name, content] of abacusFiles()) await writeFile(join(out, name), content);
}

await program.parseAsync();
