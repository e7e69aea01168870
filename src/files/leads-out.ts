import { realpathSync } from "node:fs";
import { sep } from "node:path";
import { isSystemError } from "./file-fault.ts";

/** A snapshot in the hub's cache links to the files of its model, which stand beside all of its snapshots. */
const snapshot = /^(.*[\\/]models--[^\\/]+)[\\/]snapshots[\\/][^\\/]+/;

/**
 * Whether a file of a model's folder is a symbolic link out of it. Whoever made the folder could have the server read
 * by it what is the operator's alone, a key among it, and show it to clients; or read what never ends, as /proc/kmsg.
 * A file that is not there does not.
 */
export function leadsOut(folder: string, path: string): boolean {
  const real = whereIs(path);
  const root = whereIs(folder);
  if (real === undefined || root === undefined) return false;
  return !real.startsWith(`${snapshot.exec(root)?.[1] ?? root}${sep}`);
}

function whereIs(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
