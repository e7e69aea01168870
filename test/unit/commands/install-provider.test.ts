import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { installProvider } from "../../../src/commands/install-provider.ts";

const linux = { platform: "linux", arch: "x64" } as const;

let runtime: string;
beforeAll(async () => {
  runtime = await mkdtemp(join(tmpdir(), "metropolis-runtime-"));
  await mkdir(join(runtime, "script"));
});
afterAll(() => rm(runtime, { recursive: true }));

const script = (text: string): Promise<void> => writeFile(join(runtime, "script/install.js"), text);

it("has the runtime's own script fetch the provider into its package", async () => {
  await script('require("node:fs").writeFileSync("asked", process.env.ONNXRUNTIME_NODE_INSTALL)');
  await installProvider("cuda", runtime, linux);
  expect(await readFile(join(runtime, "asked"), "utf8")).toBe("cuda12");
});

it("says that it could not be fetched, and where it comes from", async () => {
  await script("process.exit(3)");
  await expect(installProvider("cuda", runtime, linux)).rejects.toThrow(
    /could not be fetched.*code 3.*NuGet/,
  );
});

it("refuses a platform that there is none for", async () => {
  await expect(installProvider("cuda", runtime, { platform: "darwin", arch: "arm64" })).rejects.toThrow(
    /linux-x64 alone.*darwin-arm64/,
  );
});
