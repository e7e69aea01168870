/** Writes openapi.yaml from the routes' schemas; with --check, fails when the file is not what would be written. */
import { readFile, writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import { buildApp } from "../src/server/app.ts";

const path = new URL("../openapi.yaml", import.meta.url);

const { completer } = await createCompleter(usualEngine);
const app = await buildApp({ completer, defaultSampler: "standard", logger: false, freshSeed: () => 0 });
await app.ready();
const text = stringify(app.swagger(), { lineWidth: 110, aliasDuplicateObjects: false });
await app.close();
await completer[Symbol.asyncDispose]();

if (!process.argv.includes("--check")) {
  await writeFile(path, text);
} else if ((await readFile(path, "utf8").catch(() => "")) !== text) {
  console.error("openapi.yaml is not what the schemas say; run `npm run openapi`.");
  process.exitCode = 1;
}
