import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";

/** One command of `metropolis`. */
export interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** What it prints is appended to this file. */
  readonly log: string;
}

/** @throws Error with what the command printed, where it fails */
export async function runStep({ name, args, log: path }: Step): Promise<void> {
  const start = performance.now();
  const log = await open(path, "a");
  const child = spawn(process.execPath, ["--import", "tsx", "src/main.ts", ...args], {
    stdio: ["ignore", log.fd, log.fd],
  });
  const stop = (): boolean => child.kill();
  process.once("exit", stop);
  const [code] = (await once(child, "exit")) as [number | null];
  process.off("exit", stop);
  await log.close();
  if (code !== 0) throw new Error(`${name} failed; see ${path}:\n${await readFile(path, "utf8")}`);
  console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
}
