import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileFault } from "./file-fault.ts";

/** Makes an empty folder where the system keeps such. @throws InferenceError naming TMPDIR where it cannot be made */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), prefix));
  } catch (error) {
    throw fileFault(
      `TMPDIR: no folder can be made in ${tmpdir()}`,
      error,
      "TMPDIR names the folder for such files",
    );
  }
}
