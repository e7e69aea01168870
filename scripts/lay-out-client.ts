/**
 * Lays out the package metropolis-client in FOLDER: one file of code, the client's types without zod, and what a reader
 * of the package wants. Run by scripts/pack.sh and by the package's test alike.
 *
 *   tsx scripts/lay-out-client.ts FOLDER
 */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { clientTypes } from "./client-types.ts";
import manifest from "../packages/client/package.json" with { type: "json" };

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

async function layOut(folder: string): Promise<void> {
  const code = join(folder, "dist");
  await mkdir(folder, { recursive: true });
  await build({
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    build: {
      outDir: code,
      emptyOutDir: true,
      target: "es2022",
      minify: false,
      lib: {
        entry: pathOf("src/client/metropolis-client.ts"),
        formats: ["es"],
        fileName: "metropolis-client",
      },
      rolldownOptions: { external: Object.keys(manifest.dependencies) },
    },
  });
  for (const [name, text] of await clientTypes()) await writeFile(join(code, name), text);
  for (const name of ["packages/client/package.json", "packages/client/README.md", "LICENSE"])
    await cp(pathOf(name), join(folder, name.split("/").at(-1)!));
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("Say into which folder: tsx scripts/lay-out-client.ts FOLDER");
await layOut(folder);
