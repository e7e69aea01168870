import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { Command, Option } from "commander";
import { decodeText } from "../core/decode-text.ts";
import { InferenceError } from "../core/errors.ts";
import { parseDataSet } from "../evaluation/data-set.ts";
import type { DataLine } from "../evaluation/data-set.ts";
import { importGpqa } from "../evaluation/importers/gpqa.ts";
import { importHumanEval } from "../evaluation/importers/humaneval.ts";
import { importMath500 } from "../evaluation/importers/math500.ts";
import type { ImportOptions } from "../evaluation/importers/importer.ts";
import { fileFault, isSystemError } from "../files/file-fault.ts";
import { writeWhole } from "../files/write-whole.ts";
import { integerFrom } from "./options.ts";

interface ImportSettings {
  readonly out: string;
  readonly chat: boolean;
  readonly seed: number;
}

type Importer = (text: string, options: ImportOptions & { readonly seed: number }) => readonly DataLine[];

/** `metropolis import` */
export function importCommand(): Command {
  const format = (name: string, description: string, importer: Importer): Command =>
    new Command(name)
      .description(description)
      .argument("<file>", "your own copy, as published; .gz is unpacked")
      .requiredOption("--out <file>", "where the questions go")
      .option("--chat", "ask by conversation, for models with a chat template", false)
      .action((file: string, settings: ImportSettings) => convert(file, settings, importer));
  const gpqa = format("gpqa", "GPQA: CSV, options put in order by a seed.", importGpqa);
  return new Command("import")
    .description("Turn a published data set into questions for `metropolis eval`.")
    .addCommand(format("math500", "MATH500: JSON lines, graded by the boxed answer.", importMath500))
    .addCommand(
      gpqa.addOption(new Option("--seed <n>", "order of the options").argParser(integerFrom(0)).default(0)),
    )
    .addCommand(
      format("humaneval", "HumanEval: JSON lines; grading runs code (eval --allow-code).", importHumanEval),
    );
}

async function convert(file: string, { out, chat, seed }: ImportSettings, importer: Importer): Promise<void> {
  const lines = importer(await readPublished(file), { name: basename(file), asChat: chat, seed });
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
