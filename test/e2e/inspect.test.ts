import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../support/server-process.ts";

// A card is described by NVIDIA's tool; this one is a script that says what the tool would.
describe.skipIf(process.platform === "win32")("metropolis models inspect, beside a GPU", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "metropolis-gpu-"));
    const tool = join(folder, "nvidia-smi");
    await writeFile(tool, "#!/bin/sh\necho 'NVIDIA T1000, 700, 4096, 570.10'\n");
    await chmod(tool, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ["16", /^gpu +NVIDIA T1000, 700\.0 MiB free: fits$/m],
    [
      "2000",
      /^gpu +NVIDIA T1000, 700\.0 MiB free: too much: --lanes \d+, or --context \d+ with 2000 lanes, would fit$/m,
    ],
  ])("says whether %s lanes fit it", async (lanes, expected) => {
    const env = { PATH: `${folder}:${process.env.PATH ?? ""}` };
    const { code, output } = await runCommand(["models", "inspect", "--lanes", lanes], env);
    expect(output).toMatch(expected);
    expect(code).toBe(0);
  });
});
