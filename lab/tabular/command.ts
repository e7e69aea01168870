import { Command } from "commander";
import { toCount, toNumber } from "../option-values.ts";
import { checkQuadrants, checkTheorems } from "./tables.ts";
import type { TabularSettings } from "./tables.ts";

const learningRates = [1, 0.5, 0.25, 0.125, 0.0625];
const pushSize = 1e-3;

export const tabularCommand = new Command("tabular")
  .description("predicted against true entropy change of policy-gradient steps on random softmax policies")
  .option("--seed <n>", "seed of the policies", toNumber, 0)
  .option("--policies <n>", "random policies", toCount, 1000)
  .option("--actions <n>", "actions of each, at least 2", toCount, 10)
  .action((settings: TabularSettings) => {
    if (settings.actions < 2)
      tabularCommand.error("error: --actions: a policy over one action has no entropy to change");
    console.log("| gradient | η | mean of \\|ΔH\\| | mean error of the prediction | error / error at η/2 |");
    console.log("|---|---|---|---|---|");
    const rows = checkTheorems(settings, learningRates);
    for (const [index, { gradient, learningRate, change, error }] of rows.entries()) {
      const half = rows[index + 1];
      const ratio = half?.gradient === gradient ? (error / half.error).toFixed(2) : "";
      console.log(
        `| ${[gradient, learningRate, change.toExponential(2), error.toExponential(2), ratio].join(" | ")} |`,
      );
    }
    console.log(`\n| action | pushed by ${pushSize} | entropy falls | mean ΔH | predicted |`);
    console.log("|---|---|---|---|---|");
    for (const { likely, raised, falls, change, predicted } of checkQuadrants(settings, pushSize)) {
      const cells = [likely ? "likely" : "unlikely", raised ? "up" : "down", `${(100 * falls).toFixed(1)} %`];
      console.log(`| ${[...cells, change.toExponential(2), predicted.toExponential(2)].join(" | ")} |`);
    }
  });
