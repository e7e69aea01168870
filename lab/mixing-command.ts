import { join } from "node:path";
import { Argument, Command } from "commander";
import { embeddedModelNames, embeddedModels } from "./embedded-model.ts";
import type { EmbeddedModelName } from "./embedded-model.ts";
import { measureMixing } from "./mixing.ts";
import type { MixingRow } from "./mixing.ts";
import { toCount } from "./option-values.ts";

interface Options {
  readonly folder?: string;
  readonly prompts: number;
  readonly samples: number;
}

export const mixingCommand = new Command("mixing")
  .description(
    "measure how chains mix on held-out prompts, beside their exact target, as docs/kernels.md has it",
  )
  .addArgument(new Argument("[model]", "which embedded model").choices(embeddedModelNames).default("pivot"))
  .option("--folder <folder>", "the model's folder; models/NAME when left out")
  .option("--prompts <n>", "held-out prompts", toCount, 100)
  .option("--samples <n>", "chains of each", toCount, 8)
  .action(async (name: EmbeddedModelName, options: Options) => {
    const model = embeddedModels[name];
    printRow([
      "sampler",
      "evaluations per answer",
      "per token",
      "pass@1",
      model.task.routes.join("/"),
      "steps that changed the first token",
      "unmixed chains",
      "split R-hat, median",
      "prompts whose chains agree",
    ]);
    printRow(new Array<string>(9).fill("---"));
    await measureMixing(model, options.folder ?? join("models", name), {
      prompts: options.prompts,
      samples: options.samples,
      onTarget: ({ passAt1, routes }) => {
        printRow(["p^4, enumerated", "", "", passAt1.toFixed(3), sharesOf(routes), "", "", "", ""]);
      },
      onRow: (sampler, row) => {
        printRow([sampler, ...cellsOf(row)]);
      },
    });
  });

function cellsOf({
  evaluationsPerAnswer,
  evaluationsPerToken,
  passAt1,
  routes,
  mixing,
}: MixingRow): string[] {
  return [
    evaluationsPerAnswer.toFixed(1),
    evaluationsPerToken.toFixed(2),
    passAt1.toFixed(3),
    sharesOf(routes),
    mixing?.firstTokenChanges.toFixed(3) ?? "",
    mixing?.unmixed.toFixed(2) ?? "",
    mixing?.medianRHat.toFixed(2) ?? "",
    mixing?.agreeing.toFixed(2) ?? "",
  ];
}

const sharesOf = (routes: Readonly<Record<string, number>>): string =>
  Object.values(routes)
    .map((share) => share.toFixed(2))
    .join("/");

function printRow(cells: readonly string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}
