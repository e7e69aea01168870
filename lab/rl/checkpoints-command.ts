import { join } from "node:path";
import { Argument, Command } from "commander";
import { embeddedModelNames, embeddedModels } from "../embedded-model.ts";
import type { EmbeddedModelName } from "../embedded-model.ts";
import { toCount, toNumber } from "../option-values.ts";
import { measureCheckpoint } from "./measure-checkpoint.ts";
import { openEngine } from "./rollout.ts";

interface Options {
  readonly base?: string;
  readonly prompts: number;
  readonly samples: number;
  readonly seed: number;
}

export const checkpointsCommand = new Command("checkpoints")
  .description(
    "measure checkpoints at T = 1 on held-out prompts: pass@k, entropy, likelihood under the base model",
  )
  .addArgument(new Argument("<model>", "which embedded model they are of").choices(embeddedModelNames))
  .argument("<folders...>", "folders of the checkpoints")
  .option("--base <folder>", "folder of the base model; models/NAME when left out")
  .option("--prompts <n>", "held-out prompts", toCount, 200)
  .option("--samples <n>", "completions of each", toCount, 16)
  .option("--seed <n>", "seed of the samples", toNumber, 0)
  .action(async (name: EmbeddedModelName, folders: readonly string[], options: Options) => {
    const { task, shape } = embeddedModels[name];
    const { prompts, samples } = options;
    const open = (folder: string) => openEngine(join(folder, "model.onnx"), shape);
    await using base = await open(options.base ?? join("models", name));
    const ks = [1, 2, 4, 8, 16].filter((k) => k <= samples);
    const columns = [
      "checkpoint",
      ...ks.map((k) => `pass@${k}`),
      "se of pass@1",
      "H seq-mean",
      "H token-mean",
      "log p_base",
      "log p_base per token",
      `distinct of ${samples}`,
      task.routes.join("/"),
    ];
    console.log(`${prompts} held-out prompts x ${samples} samples at T = 1\n`);
    console.log(`| ${columns.join(" | ")} |\n|${"---|".repeat(columns.length)}`);
    for (const folder of folders) {
      await using engine = await open(folder);
      const row = await measureCheckpoint({ engine, base, task }, options);
      const cells = [
        folder,
        ...ks.map((k) => row.passAt[k]!.toFixed(3)),
        row.standardError.toFixed(3),
        row.H.toFixed(3),
        row.tokenMeanH.toFixed(3),
        row.baseLogProb.toFixed(2),
        row.baseLogProbPerToken.toFixed(3),
        row.distinct.toFixed(1),
        Object.values(row.routes)
          .map((share) => share.toFixed(2))
          .join("/"),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  });
