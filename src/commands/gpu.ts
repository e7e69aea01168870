import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { mib } from "../assembly/memory.ts";

export interface Gpu {
  readonly name: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly driver: string;
}

/** The cards that NVIDIA's own tool finds; other makes have no common one. Empty without the tool. */
export async function findGpus(): Promise<readonly Gpu[]> {
  const query = ["--query-gpu=name,memory.free,memory.total,driver_version", "--format=csv,noheader,nounits"];
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: 10_000 });
    return stdout.trim().split("\n").map(readLine);
  } catch {
    return [];
  }
}

function readLine(line: string): Gpu {
  const [name = "", free, total, driver = ""] = line.split(", ");
  return { name, freeBytes: Number(free) * mib, totalBytes: Number(total) * mib, driver };
}
