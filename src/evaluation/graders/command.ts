import { spawn } from "node:child_process";
import { InferenceError } from "../../core/errors.ts";

/** Longest time that a command may judge one answer. */
const timeoutMs = 30_000;

/**
 * Runs a command that reads the completion from its standard input and the reference from METROPOLIS_ANSWER.
 * @returns whether it exits with 0; a command that hangs is killed and counts as no
 * @throws InferenceError when it cannot be started
 */
export async function passesCommand(
  [program, ...args]: readonly [string, ...string[]],
  { text, answer }: { readonly text: string; readonly answer: string },
): Promise<boolean> {
  const child = spawn(program, args, {
    env: { ...process.env, METROPOLIS_ANSWER: answer },
    stdio: ["pipe", "ignore", "ignore"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  // It may well judge without reading.
  child.stdin.on("error", () => undefined);
  child.stdin.end(text);
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        new InferenceError("invalid_request", `grader: the command '${program}' cannot be run.`, {
          param: "grader",
          cause,
        }),
      );
    });
    child.once("close", (code) => {
      resolve(code === 0);
    });
  });
}
