import { spawn } from "node:child_process";

export interface ChildOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** A child that writes more is killed. */
  readonly maxOutputBytes: number;
}

export interface ChildOutcome {
  /** Null for a child that was killed. */
  readonly code: number | null;
  /** Of its standard output. */
  readonly output: string;
}

/** How long after a child's end its output is read. */
const lastWordsMs = 1000;

/** Groups that run, so that none outlives this process. */
const running = new Set<number>();
process.once("exit", () => {
  for (const group of running) killGroup(group);
});

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // The group has ended already.
  }
}

/**
 * Runs a command in a process group of its own, all of which is killed when the command ends or its time is up.
 * Rejects with the error of a command that cannot be started.
 */
export function runChild(
  [program = "", ...args]: readonly string[],
  { input = "", cwd, env, timeoutMs, maxOutputBytes }: ChildOptions,
): Promise<ChildOutcome> {
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "ignore"] });
  const group = child.pid;
  const kill = (): void => {
    if (group !== undefined) killGroup(group);
  };
  if (group !== undefined) running.add(group);
  const timer = setTimeout(kill, timeoutMs);
  let leftOpen: NodeJS.Timeout | undefined;
  // A command may judge without reading its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxOutputBytes) kill();
    else chunks.push(chunk);
  });
  return new Promise<ChildOutcome>((resolve, reject) => {
    child.once("error", reject);
    // What it left behind may hold its output open, and may have left the group too.
    child.once("exit", () => {
      kill();
      leftOpen = setTimeout(() => child.stdout.destroy(), lastWordsMs);
    });
    child.once("close", (code) => {
      resolve({ code: bytes > maxOutputBytes ? null : code, output: Buffer.concat(chunks).toString() });
    });
  }).finally(() => {
    clearTimeout(timer);
    clearTimeout(leftOpen);
    if (group !== undefined) running.delete(group);
  });
}
