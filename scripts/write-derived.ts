/**
 * Writes what follows from the code: openapi.yaml from the routes' schemas, the table of sampler fields in docs/api.md
 * from the samplers. With --check, fails when a file is not what would be written.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import { createCompleter } from "../src/assembly/create-completer.ts";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import { buildApp } from "../src/server/app.ts";
import { toYaml } from "../src/server/openapi.ts";
import { fieldsTable } from "./fields-table.ts";

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

async function openapi(): Promise<string> {
  const { completer } = await createCompleter(usualEngine);
  const app = await buildApp({ completer, defaultSampler: "standard", logger: false, freshSeed: () => 0 });
  await app.ready();
  const text = toYaml(app.swagger());
  await app.close();
  await completer[Symbol.asyncDispose]();
  return text;
}

const start = "<!-- sampler fields: written by npm run openapi -->";
const end = "<!-- end of sampler fields -->";

async function apiDocs(): Promise<string> {
  const text = await readFile(pathOf("docs/api.md"), "utf8");
  const [before, rest] = text.split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`docs/api.md has no '${start}' … '${end}'`);
  return format(`${before}${start}\n\n${fieldsTable()}\n\n${end}${after}`, {
    parser: "markdown",
    printWidth: 110,
  });
}

const isCheck = process.argv.includes("--check");
for (const [name, write] of Object.entries({ "openapi.yaml": openapi, "docs/api.md": apiDocs })) {
  const text = await write();
  if (!isCheck) {
    await writeFile(pathOf(name), text);
  } else if ((await readFile(pathOf(name), "utf8").catch(() => "")) !== text) {
    console.error(`${name} is not what the code says; run \`npm run openapi\`.`);
    process.exitCode = 1;
  }
}
