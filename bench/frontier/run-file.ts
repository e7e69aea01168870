import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { SamplerSettings } from "../../src/samplers/registry.ts";

/** Whether completions end where the model ends them, or all have `max_tokens` tokens. */
export const forms = ["fixed", "whole"] as const;
export type Form = (typeof forms)[number];

/** One completion that is asked for. */
export interface Task {
  readonly model: string;
  readonly settings: SamplerSettings;
  readonly form: Form;
  readonly maxTokens: number;
  readonly question: string;
  readonly seed: number;
}

const run = z.object({
  /** What was asked, digested. */
  task: z.string(),
  text: z.string(),
  /** Σ log p, nats. */
  logprob: z.number(),
  tokens: z.number(),
  evaluated: z.number(),
});

/** What became of a task. */
export type Run = z.output<typeof run>;

export const digest = (task: Task): string =>
  createHash("sha256").update(JSON.stringify(task)).digest("hex").slice(0, 16);

/** Runs, appended line by line as they come: the next bench goes on from there. */
export class RunFile {
  readonly #path: string;
  readonly #runs: Map<string, Run>;

  private constructor(path: string, runs: Map<string, Run>) {
    this.#path = path;
    this.#runs = runs;
  }

  static async open(folder: string): Promise<RunFile> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, "frontier.jsonl");
    const text = await readFile(path, { encoding: "utf8", flag: "a+" });
    // What stands after the last line's end was cut off.
    const runs = text
      .split("\n")
      .slice(0, -1)
      .map((line) => run.parse(JSON.parse(line)));
    return new RunFile(path, new Map(runs.map((one) => [one.task, one])));
  }

  find(task: Task): Run | undefined {
    return this.#runs.get(digest(task));
  }

  async add(one: Run): Promise<void> {
    this.#runs.set(one.task, one);
    await appendFile(this.#path, `${JSON.stringify(one)}\n`);
  }
}
