import { readFile, readdir, readlink, rm, stat, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { writeWhole } from "../files/write-whole.ts";
import { nonEmpty } from "./hub-settings.ts";

/** `organisation/name`, as on the hub. */
const idPattern = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

export const isModelId = (text: string): boolean => idPattern.test(text);

/** What git refuses in a name, and what a file system reads as a way out. */
const refusedInRevision = /[\p{Cc} ~^:?*[\\]/u;

/**
 * Revisions are paths below refs/ and snapshots/.
 * @throws InferenceError `invalid_request` for a name that git would refuse too: empty parts, `.`, `..`, or odd characters
 */
export function checkRevision(revision: string): string {
  const isFine =
    !refusedInRevision.test(revision) &&
    revision.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.includes(".."));
  if (isFine) return revision;
  throw new InferenceError(
    "invalid_request",
    `revision: ${JSON.stringify(revision)} is no name of a branch, tag or commit.`,
    { param: "revision" },
  );
}

/** @throws InferenceError for a user without a home */
function userCache({ XDG_CACHE_HOME }: NodeJS.ProcessEnv): string {
  const named = nonEmpty(XDG_CACHE_HOME);
  if (named !== undefined) return named;
  try {
    return join(nonEmpty(homedir()) ?? "/", ".cache");
  } catch (cause) {
    throw new InferenceError(
      "invalid_request",
      "This user has no home, where models would be kept. Set HF_HOME to a folder for them.",
      { cause },
    );
  }
}

/** One commit of a model in the cache. */
export interface Snapshot {
  readonly id: string;
  readonly commit: string;
  readonly folder: string;
}

export interface NamedSnapshot extends Snapshot {
  /** The branches and tags that were at this commit when they were pulled last. */
  readonly revisions: readonly string[];
}

/**
 * The cache that Hugging Face's own libraries keep, shared with them: models--ORG--NAME holds blobs/ by hash,
 * snapshots/COMMIT/ of links into it, and refs/REVISION with a commit.
 */
export class HubCache {
  readonly root: string;

  /** @param env HF_HUB_CACHE, HF_HOME or XDG_CACHE_HOME move it, as they do elsewhere @throws InferenceError without any home */
  constructor(env: NodeJS.ProcessEnv) {
    this.root =
      nonEmpty(env.HF_HUB_CACHE) ??
      nonEmpty(env.HUGGINGFACE_HUB_CACHE) ??
      join(nonEmpty(env.HF_HOME) ?? join(userCache(env), "huggingface"), "hub");
  }

  /** Where the bytes of a file with this hash stand. */
  blob(id: string, hash: string): string {
    return join(this.#repository(id), "blobs", hash);
  }

  /** The snapshot that a revision was at when it was pulled last; `undefined` when it never was. */
  async snapshot(id: string, revision = "main"): Promise<Snapshot | undefined> {
    const repository = this.#repository(id);
    const commit = (await this.#commitOf(id, revision)) ?? revision;
    const folder = join(repository, "snapshots", commit);
    return (await isFolder(folder)) ? { id, commit, folder } : undefined;
  }

  /** Links a blob into a snapshot. */
  async link(id: string, commit: string, { path, hash }: { path: string; hash: string }): Promise<void> {
    const link = join(this.#repository(id), "snapshots", commit, path);
    await makeFolder(dirname(link));
    const target = relative(dirname(link), this.blob(id, hash));
    if ((await readlink(link).catch(() => undefined)) === target) return;
    await rm(link, { force: true });
    try {
      await symlink(target, link);
    } catch (error) {
      // Another process that pulls the same was faster.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }

  async setRevision(id: string, revision: string, commit: string): Promise<void> {
    // A cache that has it already may be read-only.
    if ((await this.#commitOf(id, revision)) === commit) return;
    const ref = join(this.#repository(id), "refs", checkRevision(revision));
    await makeFolder(dirname(ref));
    await writeWhole(ref, commit);
  }

  /** What a pull wrote last; `undefined` also for a file that a full disk left empty. */
  async #commitOf(id: string, revision: string): Promise<string | undefined> {
    const text = await readText(join(this.#repository(id), "refs", checkRevision(revision)));
    return nonEmpty(text?.trim());
  }

  /** Every commit of every model in the cache. */
  async snapshots(): Promise<NamedSnapshot[]> {
    const names = await readdir(this.root).catch(() => []);
    const ids = names
      .filter((name) => name.startsWith("models--"))
      .map((name) => name.slice("models--".length).replace("--", "/"));
    return (await Promise.all(ids.map((id) => this.#snapshotsOf(id)))).flat();
  }

  async #snapshotsOf(id: string): Promise<NamedSnapshot[]> {
    const repository = this.#repository(id);
    const revisions = await filesBelow(join(repository, "refs")).catch(() => []);
    const commits = await Promise.all(revisions.map((name) => readText(join(repository, "refs", name))));
    const snapshots = await readdir(join(repository, "snapshots")).catch(() => []);
    return snapshots.map((commit) => ({
      id,
      commit,
      folder: join(repository, "snapshots", commit),
      revisions: revisions.filter((_, index) => commits[index]?.trim() === commit),
    }));
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
