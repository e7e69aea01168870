import { readFile } from "node:fs/promises";

/** An engine with a model loaded, in a process of its own. */
export interface Peer extends AsyncDisposable {
  /** With its version. */
  readonly name: string;
  readonly pid: number;

  /**
   * The likeliest tokens after each prompt, all at once; its ends are no ends.
   *
   * @param prompts token ids, of one length
   * @returns so many tokens to each prompt
   */
  complete(prompts: readonly (readonly number[])[], tokens: number): Promise<readonly (readonly number[])[]>;
}

export interface Timing {
  readonly seconds: number;
  /** Of all the process's threads; NaN where there is no /proc. */
  readonly cpuSeconds: number;
}

/** Runs the peer, which is stopped before and after: engines may spin while they have nothing to do. */
export async function timePeer(
  peer: Peer,
  prompts: readonly (readonly number[])[],
  tokens: number,
): Promise<Timing> {
  process.kill(peer.pid, "SIGCONT");
  const cpuBefore = await cpuSecondsOf(peer.pid);
  const start = performance.now();
  const answers = await peer.complete(prompts, tokens);
  const seconds = (performance.now() - start) / 1000;
  const cpuSeconds = (await cpuSecondsOf(peer.pid)) - cpuBefore;
  process.kill(peer.pid, "SIGSTOP");
  if (answers.length !== prompts.length || answers.some(({ length }) => length !== tokens))
    throw new Error(`${peer.name} did not generate ${tokens} tokens to each of ${prompts.length} prompts`);
  return { seconds, cpuSeconds };
}

/** proc(5): utime and stime in ticks, of which Linux has 100 a second on every architecture that Node runs on. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The command's name, in parentheses, may have blanks in it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? NaN) + Number(fields[12] ?? NaN)) / 100;
}
