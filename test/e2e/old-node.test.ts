import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { commandPath } from "../support/server-process.ts";

const run = promisify(execFile);

/** Has the process take itself for a Node of that version. */
const taking = (node: string): string =>
  `data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${node}" } })`;

it.each(["18.20.8", "20.9.0"])("says to Node %s which one it needs", async (node) => {
  await expect(
    run(process.execPath, ["--import", taking(node), commandPath, "--version"]),
  ).rejects.toMatchObject({
    code: 1,
    stderr: `error: Metropolis needs Node 20.19 or newer, and this is ${node}.\n`,
  });
});

it.each(["20.19.0", "22.1.0"])("takes Node %s", async (node) => {
  const { stdout } = await run(process.execPath, ["--import", taking(node), commandPath, "--version"]);
  expect(stdout).toMatch(/^\d/);
});
