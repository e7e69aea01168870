import { rm } from "node:fs/promises";
import { fileFault } from "../../../files/file-fault.ts";
import { makeTemporaryFolder } from "../../../files/temporary-folder.ts";
import type { GraderSettings } from "../../data-set.ts";
import { connect, startChild } from "../child.ts";
import type { Child } from "../child.ts";
import { candidateSource, checkerSource, limitsFailed } from "./programs.ts";
import { unusable } from "./sandbox.ts";
import type { PythonRuntime } from "./sandbox.ts";

type PythonGrader = Extract<GraderSettings, { type: "python" }>;

export interface PythonLimits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

const usualLimits: PythonLimits = { timeoutMs: 10_000, memoryBytes: 1 << 30 };

const maxOutputBytes = 1 << 16;

/**
 * Whether a completion passes its tests. The code of the model and the test run in two processes, each limited in time,
 * memory, output, file size and, where the system can, children; the test sees what the code returns as plain values,
 * so that neither leaving early, nor reading the test, nor an object that is equal to everything passes.
 * @throws InferenceError where limits cannot be set
 */
export async function passesPython(
  grader: PythonGrader,
  text: string,
  runtime: PythonRuntime,
  limits: PythonLimits = usualLimits,
): Promise<boolean> {
  const { prompt, test, entry_point } = grader;
  const folders: string[] = [];
  const start = (source: string, given: object, folder: string): Child => {
    const home = runtime.home(folder);
    return startChild([...runtime.command(folder), "-I", "-c", source], {
      input: JSON.stringify({
        ...given,
        entry_point,
        seconds: Math.ceil(limits.timeoutMs / 1000),
        memory: limits.memoryBytes,
      }),
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, LANG: "C.UTF-8" },
      timeoutMs: limits.timeoutMs,
      maxOutputBytes,
      hasPipes: true,
    });
  };
  try {
    for (const _ of ["candidate", "checker"]) folders.push(await makeTemporaryFolder("metropolis-python-"));
    const candidate = start(candidateSource, { program: toProgram(grader, text) }, folders[0]!);
    const checker = start(checkerSource, { prompt, test }, folders[1]!);
    connect(checker, candidate);
    // Where one cannot be started neither is left running, and both may say why.
    const judged = checker.outcome.finally(candidate.kill);
    const [{ code }, { code: candidateCode }] = await Promise.all([judged, candidate.outcome]).catch(
      (error: unknown) => {
        checker.kill();
        throw fileFault("grader: python3 cannot be started", error);
      },
    );
    if (code === limitsFailed || candidateCode === limitsFailed)
      throw unusable("this system cannot limit a process's memory and time");
    return code === 0;
  } finally {
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

/** The function's beginning, and what the model made of it: a continuation, or the whole function anew. */
export function toProgram(
  { prompt, entry_point: name }: Pick<PythonGrader, "prompt" | "entry_point">,
  text: string,
): string {
  const whole = new RegExp(`^(?:async )?def ${name}\\b`, "m");
  const blocks = [...text.matchAll(/```\w*[^\S\n]*\n([\s\S]*?)(?:```|$)/g)].map((match) => match[1]!);
  // Examples of its use may follow the function.
  const source = blocks.findLast((block) => whole.test(block)) ?? blocks.at(-1) ?? text;
  const isWhole = whole.test(source);
  // The beginning brings the imports.
  return isWhole ? `${prompt}\n    pass\n\n${source}` : prompt + source;
}
