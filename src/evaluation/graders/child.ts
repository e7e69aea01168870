import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";

export interface ChildOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** A child that writes more is killed. */
  readonly maxOutputBytes: number;
  /** Whether it can be talked to on descriptors 3 and 4; see {@link connect}. */
  readonly hasPipes?: boolean;
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

/** A command that runs. */
export interface Child {
  /** Rejects with the error of a command that cannot be started. */
  readonly outcome: Promise<ChildOutcome>;
  readonly kill: () => void;
  /** What its descriptor 3 reads, and what its descriptor 4 writes, of a child that has pipes. */
  readonly pipes: { readonly hears: Writable; readonly says: Readable } | undefined;
}

/** Gives each of two children that have pipes what the other says. */
export function connect(one: Child, other: Child): void {
  for (const [{ pipes: from }, { pipes: to }] of [
    [one, other],
    [other, one],
  ] as const) {
    // One that could not be started says so by its outcome.
    if (from === undefined || to === undefined) return;
    // A child that has ended hears no more.
    to.hears.on("error", () => undefined);
    from.says.pipe(to.hears);
  }
}

/** Runs a command as {@link startChild} does, to its end. */
export const runChild = (command: readonly string[], options: ChildOptions): Promise<ChildOutcome> =>
  startChild(command, options).outcome;

/** A child without streams: no descriptor was left for them. Why is told by an event. */
const notStarted = (child: ChildProcess): Child => ({
  outcome: new Promise((_resolve, reject) => child.once("error", reject)),
  kill: () => undefined,
  pipes: undefined,
});

/** Starts a command in a process group of its own, all of which is killed when the command ends or its time is up. */
export function startChild(
  [program = "", ...args]: readonly string[],
  { input = "", cwd, env, timeoutMs, maxOutputBytes, hasPipes = false }: ChildOptions,
): Child {
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: ["pipe", "pipe", "ignore", ...(hasPipes ? (["pipe", "pipe"] as const) : [])],
  });
  const streams = child.stdio as [Writable, Readable, null, Writable?, Readable?] | undefined;
  if (streams === undefined) return notStarted(child);
  const [stdin, stdout, , hears, says] = streams;
  const group = child.pid;
  const kill = (): void => {
    if (group !== undefined) killGroup(group);
  };
  if (group !== undefined) running.add(group);
  const timer = setTimeout(kill, timeoutMs);
  let leftOpen: NodeJS.Timeout | undefined;
  // A command may judge without reading its input.
  stdin.on("error", () => undefined);
  stdin.end(input);
  const chunks: Buffer[] = [];
  let bytes = 0;
  stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxOutputBytes) kill();
    else chunks.push(chunk);
  });
  const outcome = new Promise<ChildOutcome>((resolve, reject) => {
    child.once("error", reject);
    // What it left behind may hold its output open, and may have left the group too.
    child.once("exit", () => {
      kill();
      leftOpen = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
      }, lastWordsMs);
    });
    child.once("close", (code) => {
      resolve({ code: bytes > maxOutputBytes ? null : code, output: Buffer.concat(chunks).toString() });
    });
  }).finally(() => {
    clearTimeout(timer);
    clearTimeout(leftOpen);
    if (group !== undefined) running.delete(group);
  });
  const pipes = hears === undefined || says === undefined ? undefined : { hears, says };
  return { outcome, kill, pipes };
}
