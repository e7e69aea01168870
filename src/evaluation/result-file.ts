import { open, readFile, truncate } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import { fileFault } from "../files/file-fault.ts";
import { appendWhole } from "../files/write-whole.ts";
import { parseJson } from "./json-lines.ts";

const sample = z.object({
  text: z.string(),
  answer: z.string(),
  isCorrect: z.boolean(),
  /** Null where the server does not count. */
  tokens: z.number().int().nullable(),
  /** Model evaluations paid for, discarded ones included; null where the server does not count. */
  evaluatedTokens: z.number().nullable(),
  /**
   * What the answer would cost without a memo: tokens of all drafts and proposals; null where the server does not
   * count.
   */
  drawnTokens: z.number().int().nullable(),
  /** Those among them that were remembered; absent or null where the server does not count. */
  rememberedTokens: z.number().int().nullish(),
  finish: z.string().nullable(),
  /** Under the base, or under the model that answered; null where neither is known. */
  likelihood: z
    .object({
      tokens: z.number().int(),
      logprob: z.number(),
      meanEntropy: z.number().nullable(),
      /** Where meanEntropy is a lower bound: the upper one. */
      meanEntropyUpper: z.number().optional(),
    })
    .nullable(),
  /** Of sampler exact: whether it is an exact draw or a chain's answer, and the proposals it took. */
  exact: z.object({ isExact: z.boolean(), tries: z.number().int() }).optional(),
  chain: z
    .object({
      steps: z.number().int(),
      /** Proposals accepted, those that changed nothing included. */
      accepted: z.number().int(),
      /** Those among them that changed the completion; absent where an older run did not tell them apart. */
      moved: z.number().int().optional(),
      firstTokenChanges: z.number().int(),
      /** Whether it reads as unmixed. */
      isUnmixed: z.boolean(),
    })
    .optional(),
});

const result = z.object({
  model: z.string(),
  /** Where the model was: a folder, an id or an address. */
  source: z.string(),
  configuration: z.string(),
  fields: z.record(z.string(), z.union([z.number(), z.string()])),
  id: z.string(),
  seed: z.number().int(),
  seconds: z.number(),
  /** Split R-hat of the item's chains; null where it says nothing, absent for a lone chain and no chain. */
  splitRHat: z.number().nullish(),
  samples: z.array(sample).min(1),
});

const header = z.object({ evaluation: z.record(z.string(), z.unknown()) });

export type Sample = z.output<typeof sample>;
/** All samples of one item by one model in one configuration. */
export type Result = z.output<typeof result>;

/** Which question, model and configuration a result answers: a file counts one of each. */
export const keyOf = ({ model, configuration, id }: Pick<Result, "model" | "configuration" | "id">): string =>
  JSON.stringify([model, configuration, id]);

/**
 * The results of an evaluation, appended line by line as they come: whatever ends a run, what was finished stays,
 * and the next run goes on from there. The first line says what is being evaluated.
 */
export class ResultFile implements AsyncDisposable {
  readonly results: Result[];
  readonly #path: string;
  readonly #file: FileHandle;
  #written: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle, results: Result[]) {
    this.#path = path;
    this.#file = file;
    this.results = results;
  }

  /**
   * Opens or starts the file. A line that a killed run left unfinished is cut off.
   * @param evaluation what is evaluated: a file of another evaluation is refused
   */
  static async open(path: string, evaluation: Readonly<Record<string, unknown>>): Promise<ResultFile> {
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw fileFault(`${path} cannot be read`, error);
    });
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const [first, ...lines] = whole.split("\n").filter((line) => line !== "");
    if (first !== undefined) checkHeader(path, first, evaluation);
    else if (!beginsHeader(text)) throw noEvaluation(path);
    // Runs that began at once have each said what they are about.
    const results = lines.flatMap((line, index) =>
      line === first ? [] : [parseLine(line, `${path}, line ${index + 2}`)],
    );
    const file = await openAt(path, whole.length < text.length ? Buffer.byteLength(whole) : undefined);
    // Two runs side by side may both have answered a question: the first answer counts.
    const seen = new Set<string>();
    const firsts = results.filter((one) => seen.size < seen.add(keyOf(one)).size);
    const opened = new ResultFile(path, file, firsts);
    try {
      if (first === undefined) await opened.#write({ evaluation });
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
    return opened;
  }

  /** On disk once this resolves. @throws InferenceError where it cannot be: what was appended before stays */
  append(next: Result): Promise<void> {
    this.results.push(next);
    // A long line is written in pieces, and those of two lines must not mix.
    this.#written = this.#written.then(() => this.#write(next));
    return this.#written;
  }

  async #write(line: object): Promise<void> {
    try {
      await appendWhole(this.#file, `${JSON.stringify(line)}\n`);
      await this.#file.datasync();
    } catch (error) {
      const kept = "What was finished is kept: start it again to go on";
      throw fileFault(`${this.#path} cannot be written`, error, kept);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Opens a file to append to. @param length to which it is cut first */
async function openAt(path: string, length: number | undefined): Promise<FileHandle> {
  try {
    if (length !== undefined) await truncate(path, length);
    return await open(path, "a");
  } catch (error) {
    throw fileFault(`${path} cannot be written`, error);
  }
}

/** Whether a text without a whole line is what a run left that was killed at once. */
const beginsHeader = (text: string): boolean => {
  const start = '{"evaluation":';
  return text.startsWith(start) || start.startsWith(text);
};

const noEvaluation = (path: string): InferenceError =>
  new InferenceError("invalid_request", `${path} holds no evaluation. Choose another --out.`);

function checkHeader(path: string, line: string, evaluation: Readonly<Record<string, unknown>>): void {
  const parsed = header.safeParse(parseJson(line, `${path}, line 1`));
  if (!parsed.success) throw noEvaluation(path);
  const stored = parsed.data.evaluation;
  const differing = Object.keys({ ...stored, ...evaluation }).filter(
    (name) => JSON.stringify(stored[name]) !== JSON.stringify(evaluation[name]),
  );
  if (differing.length === 0) return;
  throw new InferenceError(
    "invalid_request",
    `${path} holds another evaluation: ${differing.join(", ")} differ. Choose another --out, or the same settings to go on.`,
  );
}

function parseLine(line: string, at: string): Result {
  const parsed = result.safeParse(parseJson(line, at));
  if (parsed.success) return parsed.data;
  throw new InferenceError("invalid_request", `${at} is no result: ${z.prettifyError(parsed.error)}`);
}
