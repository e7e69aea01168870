import { fileFault } from "../../files/file-fault.ts";
import { runChild } from "./child.ts";

/** Longest time that a command may judge one answer. */
const timeoutMs = 30_000;

/** A command's output is not read; a command that writes more than this is taken to have gone astray. */
const maxOutputBytes = 1 << 20;

/**
 * Runs a command that reads the completion from its standard input and the reference from METROPOLIS_ANSWER.
 * @returns whether it exits with 0; a command that hangs is killed and counts as no
 * @throws InferenceError when it cannot be started
 */
export async function passesCommand(
  command: readonly [string, ...string[]],
  { text, answer }: { readonly text: string; readonly answer: string },
): Promise<boolean> {
  const env = { ...process.env, METROPOLIS_ANSWER: answer };
  try {
    return (await runChild(command, { input: text, env, timeoutMs, maxOutputBytes })).code === 0;
  } catch (cause) {
    throw fileFault(`grader: the command '${command[0]}' cannot be run`, cause);
  }
}
