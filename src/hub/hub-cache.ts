import { mkdir, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";

/** `organisation/name`, as on the hub. */
const idPattern = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

export const isModelId = (text: string): boolean => idPattern.test(text);

/** One model's revision in the cache. */
export interface Snapshot {
  readonly id: string;
  readonly commit: string;
  readonly folder: string;
}

/**
 * The cache that Hugging Face's own libraries keep, shared with them: models--ORG--NAME holds blobs/ by hash,
 * snapshots/COMMIT/ of links into it, and refs/REVISION with a commit.
 */
export class HubCache {
  readonly root: string;

  /** @param env HF_HUB_CACHE, HF_HOME or XDG_CACHE_HOME move it, as they do elsewhere */
  constructor(env: NodeJS.ProcessEnv) {
    const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
    this.root = env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(home, "hub");
  }

  /** Where the bytes of a file with this hash stand. */
  blob(id: string, hash: string): string {
    return join(this.#repository(id), "blobs", hash);
  }

  /** The snapshot that a revision was at when it was pulled last; `undefined` when it never was. */
  async snapshot(id: string, revision = "main"): Promise<Snapshot | undefined> {
    const repository = this.#repository(id);
    const commit = (await readText(join(repository, "refs", revision))) ?? revision;
    const folder = join(repository, "snapshots", commit.trim());
    return (await isFolder(folder)) ? { id, commit: commit.trim(), folder } : undefined;
  }

  /** Links a blob into a snapshot, and returns the link's path. */
  async link(id: string, commit: string, path: string, hash: string): Promise<string> {
    const link = join(this.#repository(id), "snapshots", commit, path);
    await mkdir(dirname(link), { recursive: true });
    await rm(link, { force: true });
    await symlink(relative(dirname(link), this.blob(id, hash)), link);
    return link;
  }

  async setRevision(id: string, revision: string, commit: string): Promise<void> {
    const ref = join(this.#repository(id), "refs", revision);
    await mkdir(dirname(ref), { recursive: true });
    await writeFile(ref, commit);
  }

  /** What the main revision of every model in the cache has. */
  async snapshots(): Promise<Snapshot[]> {
    const names = await readdir(this.root).catch(() => []);
    const ids = names
      .filter((name) => name.startsWith("models--"))
      .map((name) => name.slice("models--".length).replace("--", "/"));
    const snapshots = await Promise.all(ids.map((id) => this.snapshot(id)));
    return snapshots.filter((snapshot) => snapshot !== undefined);
  }

  #repository(id: string): string {
    return join(this.root, `models--${id.replaceAll("/", "--")}`);
  }
}

/** Paths below a folder, links to files included, with `/` between the parts. */
export async function filesBelow(folder: string, below = ""): Promise<string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  const nested = entries.map(async (entry) => {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(folder, path) : [path];
  });
  return (await Promise.all(nested)).flat().sort();
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
