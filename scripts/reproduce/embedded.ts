/**
 * Evaluates the checked-in models, and writes what docs/results.md shows: the tables between its markers, the charts
 * beside it, and the whole reports under build/reproduce. Seeds are fixed and passes have one shape, so that a
 * machine gives the same numbers each time.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { writeTables } from "./markdown.ts";
import { runStep } from "./step.ts";
import { resultTables, writeCharts } from "./tables.ts";
import type { Evaluations } from "./tables.ts";

const out = "build/reproduce/embedded";
const data = (name: string): string => `models/${name}/test.jsonl`;

const exists = (name: string): boolean => existsSync(`models/${name}/model.onnx`);
const trained = ["abacus-grpo", "abacus-clip-cov", "abacus-kl-cov", "abacus-power-distillation"].filter(
  exists,
);

/** Logs of runs whose models are not kept. */
const sharperRuns = "lab/runs";

/** Commands of a chain run one after another, chains side by side. */
type Chain = readonly { readonly name: string; readonly args: readonly string[] }[];

function evaluate(name: string, folder: string, args: string): Chain[number] {
  const common = ["--seed", "1", "--deterministic", "--out", join(out, folder)];
  return { name, args: ["eval", ...args.split(" "), ...common] };
}

const abacus = `--data ${data("abacus")}`;
const compared = `${abacus} --limit 200 --n 16 --base models/abacus`;
const swept = `${abacus} --limit 200 --n 8 --model models/abacus --samplers power`;
const pivot = `--data ${data("pivot")} --limit 50 --n 8 --model models/pivot`;

const chains: readonly Chain[] = [
  [
    evaluate("samplers", "abacus", `${compared} --model models/abacus`),
    ...(trained.length === 0
      ? []
      : [
          evaluate(
            "trained",
            "abacus",
            `${compared} --samplers standard --model ${trained.map((name) => `models/${name}`).join(",")}`,
          ),
        ]),
  ],
  [
    evaluate("alpha", "sweep", `${swept} --alpha 1,2,4,8 --steps 10`),
    evaluate("steps", "sweep", `${swept} --alpha 4 --steps 0,1,2,5,20`),
    {
      name: "entropy",
      args: [
        ...`entropy ${abacus} --limit 200 --n 4 --seed 1 --deterministic --out ${out}/entropy`.split(" "),
        "--model",
        ["abacus", ...trained].map((name) => `models/${name}`).join(","),
      ],
    },
    ...(exists("pivot")
      ? [
          evaluate("pivot", "pivot", `${pivot} --samplers greedy,low_temperature,standard`),
          evaluate("pivot, power", "pivot", `${pivot} --samplers power --proposal-temperature 0.25,1`),
          evaluate("pivot, tempering", "pivot", `${pivot} --samplers power --kernel tempering`),
        ]
      : []),
  ],
];

async function runChain(chain: Chain): Promise<void> {
  for (const { name, args } of chain)
    await runStep({ name, args, log: join(out, `${name.replace(", ", "-")}.log`) });
}

/** Asks all, and writes docs/results.md's first half. */
export async function reproduceEmbedded(): Promise<void> {
  const start = performance.now();
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  if (availableParallelism() > 1) await Promise.all(chains.map(runChain));
  else for (const chain of chains) await runChain(chain);

  const evaluations: Evaluations = {
    folder: out,
    runs: trained.map((name) => `models/${name}`),
    sharperRuns: readdirSync(sharperRuns)
      .toSorted()
      .map((name) => join(sharperRuns, name)),
  };
  await writeTables(await resultTables(evaluations));
  await writeCharts(evaluations, "docs/results");
  console.log(`docs/results.md is written; ${((performance.now() - start) / 1000).toFixed(0)} s in all`);
}
