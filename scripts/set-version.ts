/**
 * Gives both packages a version, everywhere it stands, and the changelog's section of what is unreleased that head.
 *
 *   npm run release:version -- VERSION
 */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

async function replace(name: string, pattern: RegExp, text: string): Promise<void> {
  const before = await readFile(pathOf(name), "utf8");
  if (!pattern.test(before)) throw new Error(`${name} has no ${String(pattern)}.`);
  await writeFile(pathOf(name), before.replace(pattern, text));
}

const [version = ""] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
  console.error("Say which version, such as 0.2.0: npm run release:version -- VERSION");
  process.exit(1);
}
const today = new Date().toISOString().slice(0, 10);

await replace("CHANGELOG.md", /^## Unreleased$/m, `## Unreleased\n\n## ${version} - ${today}`);
await replace("src/core/version.ts", /(?<=version = ")[^"]+/, version);
for (const folder of [".", "packages/client"])
  execFileSync("npm", ["pkg", "set", `version=${version}`], { cwd: pathOf(folder), stdio: "inherit" });
// The lock and openapi.yaml have it too.
for (const script of ["lock", "openapi"])
  execFileSync("npm", ["run", "--silent", script], { cwd: pathOf("."), stdio: "inherit" });
