import { open, truncate } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { InferenceError } from "../core/errors.ts";
import { fileFault } from "../files/file-fault.ts";
import { appendWhole } from "../files/write-whole.ts";
import type { Result } from "./result.ts";
import { parseResults, readResultText } from "./stored-results.ts";
import type { Evaluation } from "./stored-results.ts";

/** Results that there are, and where more go. */
export type Results = Pick<ResultFile, "results" | "append">;

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
  static async open(path: string, evaluation: Evaluation): Promise<ResultFile> {
    const text = await readResultText(path);
    const { whole, evaluation: stored, results } = parseResults(text, path);
    if (stored !== undefined) checkSame(path, stored, evaluation);
    const file = await openAt(path, whole.length < text.length ? Buffer.byteLength(whole) : undefined);
    const opened = new ResultFile(path, file, results);
    try {
      if (stored === undefined) await opened.#write({ evaluation });
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

function checkSame(path: string, stored: Evaluation, evaluation: Evaluation): void {
  const differing = Object.keys({ ...stored, ...evaluation }).filter(
    (name) => JSON.stringify(stored[name]) !== JSON.stringify(evaluation[name]),
  );
  if (differing.length === 0) return;
  throw new InferenceError(
    "invalid_request",
    `${path} holds another evaluation: ${differing.join(", ")} ${differing.length === 1 ? "differs" : "differ"}. Choose another --out, or the same settings to go on.`,
  );
}
