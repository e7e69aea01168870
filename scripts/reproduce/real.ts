import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { existsSync } from "node:fs";
import { drawFrontier } from "../../src/evaluation/report/frontier-chart.ts";
import { seriesColors } from "../../src/evaluation/report/series-colors.ts";
import {
  analyseFolder,
  answerTable,
  areaTable,
  budgetTable,
  differenceTable,
  findingsList,
  frontierTable,
  mixingTable,
  ruleTable,
} from "./compute-tables.ts";
import { writeTables } from "./markdown.ts";
import { runStep } from "./step.ts";

/** A set of questions that the study asks; docs/results.md says where each file is from. */
interface Task {
  readonly name: string;
  readonly importer: string;
  /** By chat, as an instruct model is used, instead of plain text. */
  readonly asChat: boolean;
  /** The published file, where it is not the task's name: one of its questions that the first task on it did not ask. */
  readonly moreOf?: string;
  /** Answers to each question. */
  readonly n: number;
  readonly maxTokens: number;
}

export const tasks: readonly Task[] = [
  { name: "sums", importer: "reasoning-gym", asChat: false, n: 16, maxTokens: 32 },
  { name: "svamp", importer: "svamp", asChat: true, n: 8, maxTokens: 64 },
  { name: "svamp-more", moreOf: "svamp", importer: "svamp", asChat: true, n: 4, maxTokens: 64 },
  { name: "products", importer: "reasoning-gym", asChat: false, n: 16, maxTokens: 32 },
  {
    ...{ name: "products-more", moreOf: "products", importer: "reasoning-gym" },
    ...{ asChat: false, n: 4, maxTokens: 32 },
  },
];

const asked = 200;
const moreAsked = 400;
const shots = 4;

/**
 * Settled before anything was seen: plain sampling and what is used instead of power, then power by its defaults for a
 * model that brings none, by the blocks and steps of its paper, and with proposals from p itself cut by entropy.
 */
const configurations = (maxTokens: number): readonly string[] => [
  "--samplers standard,greedy",
  "--samplers low_temperature --alpha 2,4",
  "--samplers power --alpha 2,4",
  "--samplers beam --beam-width 4",
  "--samplers maximize",
  `--samplers power --alpha 4 --warm-up blocks --block ${Math.max(1, Math.ceil(maxTokens / 16))} --steps 10`,
  "--samplers smc --alpha 4",
  "--samplers power --alpha 4 --proposal-temperature 1 --cut entropy",
  "--samplers exact --alpha 2 --fallback power",
];

/** What came out ahead on the first questions is asked more of them, with what it has to be better than. */
const confirmed = [
  "--samplers greedy",
  "--samplers low_temperature --alpha 4",
  "--samplers power --alpha 4",
  "--samplers standard",
];

/** Where a model is compared with itself in another format. */
const comparedFormats = [
  "--samplers standard,greedy",
  "--samplers low_temperature --alpha 2,4",
  "--samplers power --alpha 2,4",
];

/** The task that is asked in the other format as well. */
const first = tasks[0]!;
const int4Name = `${first.name}-int4`;

export interface RealStudy {
  /** Folder of the model in fp32. */
  readonly model: string;
  /** The same with 4-bit weights; asked of the first task alone. */
  readonly int4: string | undefined;
  /** Has sums.json, products.json and svamp.json. */
  readonly data: string;
  /** A run that was cut off goes on from what is here. */
  readonly out: string;
  readonly only: readonly string[];
}

/** Asks all questions of every configuration; each goes on where it was cut off. */
export async function runRealStudy({ model, int4, data, out, only }: RealStudy): Promise<void> {
  const chosen = tasks.filter(({ name }) => only.length === 0 || only.includes(name));
  if (chosen.length === 0) {
    throw new Error(
      `--only ${only.join(", ")}: there is no such task. There are ${tasks.map(({ name }) => name).join(", ")}.`,
    );
  }
  for (const task of chosen) {
    const questions = await importQuestions(task, data, out);
    const all = task.moreOf === undefined ? configurations(task.maxTokens) : confirmed;
    for (const settings of all) await ask(task, { questions, settings, model, out });
  }
  if (int4 === undefined || !chosen.includes(first)) return;
  const questions = join(out, `${first.name}.jsonl`);
  for (const settings of comparedFormats)
    await ask({ ...first, name: int4Name }, { questions, settings, model: int4, out });
}

/** Whether few configurations were asked, of which only single answers are compared. */
const isShort = (name: string): boolean =>
  name === int4Name || tasks.some((task) => task.name === name && task.moreOf !== undefined);

/** Writes the study's tables and charts into docs/results.md, of what has been asked so far. */
export async function writeRealTables(out: string): Promise<void> {
  const tables = new Map<string, string>();
  for (const name of [...tasks.map((task) => task.name), int4Name]) {
    const folder = join(out, name);
    if (!existsSync(folder)) continue;
    const analysis = await analyseFolder(folder);
    tables.set(`${name}-findings`, findingsList(analysis));
    tables.set(`${name}-answers`, answerTable(analysis));
    tables.set(`${name}-differences`, differenceTable(analysis, "power, alpha 4"));
    if (isShort(name)) continue;
    tables.set(`${name}-areas`, areaTable(analysis));
    tables.set(`${name}-budgets`, budgetTable(analysis));
    tables.set(`${name}-frontier`, frontierTable(analysis));
    tables.set(`${name}-rules`, ruleTable(analysis, ["vote", "logprob", "self_certainty"]));
    tables.set(`${name}-chains`, mixingTable(analysis));
    const { compute } = analysis;
    const svg = drawFrontier(compute, "evaluated", seriesColors(compute));
    if (svg !== undefined) await writeFile(`docs/results/${name}.svg`, `${svg}\n`);
  }
  await writeTables(tables);
}

interface Asking {
  readonly questions: string;
  readonly settings: string;
  readonly model: string;
  readonly out: string;
}

const ask = ({ name, n, maxTokens }: Task, { questions, settings, model, out }: Asking): Promise<void> =>
  runStep({
    name: `${name} ${settings}`,
    args: [
      ...["eval", "--data", questions, "--model", model, "--out", join(out, name), "--seed", "1"],
      ...["--n", `${n}`, "--max-tokens", `${maxTokens}`, ...settings.split(" ")],
    ],
    log: join(out, `${name}.log`),
  });

/** The first questions of a published file, with examples from the rest of it. */
async function importQuestions(task: Task, data: string, out: string): Promise<string> {
  const { name, moreOf, importer, asChat } = task;
  const published = join(data, `${moreOf ?? name}.json`);
  if (!existsSync(published)) {
    throw new Error(
      `${published} is not there; docs/results.md says where it is from. Put it there, or say --data FOLDER.`,
    );
  }
  const records = JSON.parse(await readFile(published, "utf8")) as SomeRecord[];
  const rest = records.slice(asked);
  const shown = shortestOfEachType(rest);
  const taken =
    moreOf === undefined
      ? records.slice(0, asked)
      : rest.filter((record) => !shown.includes(record)).slice(0, moreAsked);
  const folder = join(out, "data", name);
  await mkdir(folder, { recursive: true });
  const [questions, examples] = [join(folder, "asked.json"), join(folder, "examples.json")];
  await writeFile(questions, JSON.stringify(taken));
  await writeFile(examples, JSON.stringify(shown));
  const imported = join(out, `${name}.jsonl`);
  const settings = ["--shots", examples, "--k", `${shots}`, ...(asChat ? ["--chat"] : [])];
  await runStep({
    name: `${name}: questions`,
    args: ["import", importer, questions, "--out", imported, ...settings],
    log: join(out, `${name}.log`),
  });
  return imported;
}

interface SomeRecord {
  /** The kind of problem, in SVAMP. */
  readonly Type?: string;
}

/** Of records with a type (SVAMP's), the shortest of each, so that examples show every operation; else the first ones. */
function shortestOfEachType(records: readonly SomeRecord[]): readonly SomeRecord[] {
  if (records.some(({ Type }) => Type === undefined)) return records.slice(0, 20);
  const length = (record: SomeRecord): number => JSON.stringify(record).length;
  const sorted = records.toSorted((a, b) => length(a) - length(b));
  return sorted.filter(({ Type }, index) => sorted.findIndex((other) => other.Type === Type) === index);
}
