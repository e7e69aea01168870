import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { oldestNode, version } from "../../../src/core/version.ts";

it.each(["package.json", "packages/client/package.json"])("is that of %s", async (name) => {
  const text = await readFile(new URL(`../../../${name}`, import.meta.url), "utf8");
  expect(JSON.parse(text)).toMatchObject({ version, engines: { node: `>=${oldestNode}` } });
});
