import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceError } from "../../core/errors.ts";
import type { GraderSettings } from "../data-set.ts";
import { runChild } from "./child.ts";

type PythonGrader = Extract<GraderSettings, { type: "python" }>;

export interface PythonLimits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

const usualLimits: PythonLimits = { timeoutMs: 10_000, memoryBytes: 1 << 30 };

const maxOutputBytes = 1 << 16;
const maxFileBytes = 1 << 24;

/** Exit code of a child whose limits could not be set. */
const limitsFailed = 97;

/**
 * Whether a completion passes its tests, run by python3 in a folder of its own that is removed afterwards: limited
 * in time, memory, output and file size, without children (those of root die with it), and, where the kernel grants
 * namespaces, without network.
 * Passing means to print a secret after the last test, so that leaving early is no way to pass.
 * @throws InferenceError where python3 is missing or limits cannot be set
 */
export async function passesPython(
  grader: PythonGrader,
  text: string,
  limits: PythonLimits = usualLimits,
  findIsolation: () => Promise<readonly string[]> = isolation,
): Promise<boolean> {
  const isolating = await findIsolation();
  // Limits on the number of processes do not bind root.
  if (isolating.length === 0 && process.getuid?.() === 0) {
    throw unusable("without namespaces nothing holds root's processes; run as another user");
  }
  const folder = await mkdtemp(join(tmpdir(), "metropolis-python-"));
  const secret = randomBytes(16).toString("hex");
  try {
    await writeFile(join(folder, "limits.py"), limitsSource(limits));
    await writeFile(
      join(folder, "program.py"),
      `${toProgram(grader, text)}\n\n${grader.test}\n\ncheck(${grader.entry_point})\nprint("\\n${secret}")\n`,
    );
    const { code, output } = await runChild(isolating.concat("python3", "-I", join(folder, "limits.py")), {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, LANG: "C.UTF-8" },
      timeoutMs: limits.timeoutMs,
      maxOutputBytes,
    });
    if (code === limitsFailed) throw unusable("this system cannot limit a process's memory and time");
    if (code === 127) throw unusable("there is no python3");
    return code === 0 && output.trimEnd().endsWith(secret);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw unusable("there is no python3");
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const unusable = (why: string): InferenceError =>
  new InferenceError("unsupported", `grader: Python code cannot be judged here: ${why}.`, {
    param: "grader",
  });

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

const limitsSource = ({ timeoutMs, memoryBytes }: PythonLimits): string => `
import os, resource, runpy, signal
try:
    # Ends it too when nobody is left to do so. As a namespace's first process it ignores what it does not handle.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(${Math.ceil(timeoutMs / 1000) + 1})
    for name, limit in (
        ("AS", ${memoryBytes}),
        ("CPU", ${Math.ceil(timeoutMs / 1000)}),
        ("FSIZE", ${maxFileBytes}),
        ("NOFILE", 64),
        ("CORE", 0),
        ("NPROC", 0),
    ):
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (limit, limit))
except (AttributeError, OSError, ValueError):
    os._exit(${limitsFailed})
runpy.run_path("program.py", run_name="__main__")
`;

let found: Promise<readonly string[]> | undefined;

/**
 * A command that runs another without network and in a process namespace that dies with it; empty where the kernel
 * grants none.
 */
function isolation(): Promise<readonly string[]> {
  found ??= (async () => {
    const command = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"];
    const outcome = await runChild(command.concat("true"), { timeoutMs: 5000, maxOutputBytes }).catch(
      () => undefined,
    );
    return outcome?.code === 0 ? command : [];
  })();
  return found;
}
