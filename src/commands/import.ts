import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { Command, Option } from "commander";
import { decodeText } from "../core/decode-text.ts";
import { InferenceError } from "../core/errors.ts";
import { parseDataSet } from "../evaluation/data-set.ts";
import type { DataLine } from "../evaluation/data-set.ts";
import { parseArc } from "../evaluation/importers/arc.ts";
import { parseBigBench } from "../evaluation/importers/big-bench.ts";
import { askExercises } from "../evaluation/importers/exercise.ts";
import type { Exercise } from "../evaluation/importers/exercise.ts";
import { parseGpqa } from "../evaluation/importers/gpqa.ts";
import { parseGsm8k } from "../evaluation/importers/gsm8k.ts";
import { importHumanEval } from "../evaluation/importers/humaneval.ts";
import type { ParseOptions } from "../evaluation/importers/importer.ts";
import { parseMath500 } from "../evaluation/importers/math500.ts";
import { parseMmluPro } from "../evaluation/importers/mmlu-pro.ts";
import { parseReasoningGym } from "../evaluation/importers/reasoning-gym.ts";
import { parseSvamp } from "../evaluation/importers/svamp.ts";
import { fileFault, isSystemError } from "../files/file-fault.ts";
import { writeWhole } from "../files/write-whole.ts";
import { integerFrom } from "./options.ts";

interface ImportSettings {
  readonly out: string;
  readonly chat: boolean;
  /** Of formats that have something to put in order. */
  readonly seed?: number;
  readonly shots?: string;
  readonly k?: number;
}

/** Data sets whose questions may follow examples. */
const formats: readonly {
  readonly name: string;
  readonly description: string;
  readonly parse: (text: string, options: ParseOptions) => readonly Exercise[];
  /** What the seed decides, where it decides anything. */
  readonly seed?: string;
}[] = [
  { name: "gsm8k", description: "GSM8K: JSON lines, graded by the last number.", parse: parseGsm8k },
  { name: "svamp", description: "SVAMP: a JSON list, graded by the last number.", parse: parseSvamp },
  { name: "math500", description: "MATH500: JSON lines, graded by the boxed answer.", parse: parseMath500 },
  { name: "mmlu-pro", description: "MMLU-Pro: JSON lines, a choice of up to ten.", parse: parseMmluPro },
  { name: "arc", description: "ARC, easy or challenge: JSON lines, a choice.", parse: parseArc },
  {
    name: "gpqa",
    description: "GPQA: CSV, options put in order by a seed.",
    parse: parseGpqa,
    seed: "order of the options",
  },
  {
    name: "big-bench",
    description: "A task of BIG-bench: its task.json.",
    parse: parseBigBench,
    seed: "order of the options of target_scores",
  },
  {
    name: "reasoning-gym",
    description: "What reasoning-gym made: JSON, graded by number or text.",
    parse: parseReasoningGym,
  },
];

/** `metropolis import` */
export function importCommand(): Command {
  const command = new Command("import").description(
    "Turn a published data set into questions for `metropolis eval`.",
  );
  for (const { name, description, parse, seed } of formats) {
    const own = formatCommand(name, description)
      .option("--shots <file>", "examples to ask after, of the same form; the question itself is none")
      .addOption(
        new Option("--k <n>", "examples before each question: 4 when left out").argParser(integerFrom(1, 64)),
      )
      .action((file: string, settings: ImportSettings) =>
        convert(file, settings, async (text) => {
          const options = { name: basename(file), seed: settings.seed ?? 0 };
          return askExercises(parse(text, options), {
            asChat: settings.chat,
            ...(await readShots(settings, parse)),
          });
        }),
      );
    if (seed !== undefined)
      own.addOption(new Option("--seed <n>", seed).argParser(integerFrom(0)).default(0));
    command.addCommand(own);
  }
  return command.addCommand(
    formatCommand("humaneval", "HumanEval: JSON lines; grading runs code (eval --allow-code).").action(
      (file: string, settings: ImportSettings) =>
        convert(file, settings, (text) =>
          importHumanEval(text, { name: basename(file), asChat: settings.chat }),
        ),
    ),
  );
}

const formatCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument("<file>", "your own copy, as published; .gz is unpacked")
    .requiredOption("--out <file>", "where the questions go")
    .option("--chat", "ask by conversation, for models with a chat template", false);

/** @throws InferenceError for a number of examples without a file of them */
async function readShots(
  { shots: file, k, seed = 0 }: ImportSettings,
  parse: (typeof formats)[number]["parse"],
): Promise<{ readonly shots: readonly Exercise[]; readonly count: number }> {
  if (file === undefined) {
    if (k === undefined) return { shots: [], count: 0 };
    throw new InferenceError("invalid_request", "--k says how many examples of --shots; give that file too.");
  }
  const shots = parse(await readPublished(file), { name: basename(file), seed });
  return { shots, count: k ?? 4 };
}

async function convert(
  file: string,
  { out }: ImportSettings,
  importer: (text: string) => readonly DataLine[] | Promise<readonly DataLine[]>,
): Promise<void> {
  const lines = await importer(await readPublished(file));
  if (lines.length === 0) throw new InferenceError("invalid_request", `${file} holds no questions.`);
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  // What would be refused later is refused now.
  parseDataSet(text, {
    grader: "exact",
    allowCommands: false,
    allowCode: true,

    name: basename(file),
  });
  await writeWhole(out, text);
  console.log(`${lines.length} questions in ${out}`);
}

async function readPublished(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
    if (file.endsWith(".gz")) bytes = gunzipSync(bytes);
  } catch (cause) {
    if (isSystemError(cause)) throw fileFault(`${file} cannot be read`, cause);
    throw new InferenceError("invalid_request", `${file} cannot be read.`, { cause });
  }
  return decodeText(bytes, file);
}
