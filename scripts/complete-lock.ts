/**
 * Completes package-lock.json: every package with the hash that npm verifies what it downloads by, and none with the
 * host that it came from, so that `npm ci` works against any registry. npm leaves hashes out of what it found in
 * node_modules. With --check, fails when a package has none; otherwise asks npm's registry for those that are missing.
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";

const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const run = promisify(execFile);
/** Questions to the registry at once. */
const concurrency = 16;

interface Entry {
  readonly name?: string;
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
}

interface Lock {
  readonly packages: Record<string, Entry>;
}

/** What a package is called; an alias carries its own name. */
const nameOf = (key: string, name: string | undefined): string => name ?? key.split("node_modules/").at(-1)!;

async function main(isCheck: boolean): Promise<void> {
  const lock = JSON.parse(await readFile(path, "utf8")) as Lock;
  const packages = Object.entries(lock.packages).filter(([key]) => key !== "");
  const missing = packages.filter(([, { integrity }]) => integrity === undefined).length;
  const named = packages.filter(([, { resolved }]) => resolved !== undefined).length;
  if (isCheck) {
    if (missing + named === 0) return;
    console.error(
      `package-lock.json: ${missing} packages have no integrity, ${named} name a host. Run npm run lock.`,
    );
    process.exitCode = 1;
    return;
  }
  const registry = (await run("npm", ["config", "get", "registry"])).stdout.trim().replace(/\/*$/, "/");
  const waiting = [...packages];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [key, entry] = next;
      lock.packages[key] = complete(
        entry,
        entry.integrity ?? (await integrityOf(registry, nameOf(key, entry.name), entry.version)),
      );
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await writeFile(path, `${JSON.stringify(lock, undefined, 2)}\n`);
  console.log(`${missing} hashes came on top, ${named} hosts went.`);
}

/** In npm's order. */
function complete(
  { name, version, resolved: _host, integrity: _known, ...rest }: Entry,
  integrity: string,
): Entry {
  return { ...(name === undefined ? {} : { name }), version, integrity, ...rest };
}

async function integrityOf(registry: string, name: string, version: string): Promise<string> {
  const reply = await fetch(`${registry}${name.replace("/", "%2f")}/${version}`);
  if (!reply.ok) throw new Error(`${name}@${version}: the registry answers ${reply.status}.`);
  const schema = z.object({ dist: z.object({ integrity: z.string().startsWith("sha512-") }) });
  return schema.parse(await reply.json()).dist.integrity;
}

await main(process.argv.includes("--check"));
