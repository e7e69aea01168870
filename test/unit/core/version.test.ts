import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { version } from "../../../src/core/version.ts";

it("the version is the package's", async () => {
  const text = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
  expect(JSON.parse(text)).toMatchObject({ version });
});
