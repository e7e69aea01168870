import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InferenceError } from "../core/errors.ts";
import { leadsOut } from "../files/leads-out.ts";

/** What a model's folder may hold beside its graph and its weights. */
export const folderFiles = [
  "config.json",
  "genai_config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
] as const;

export type FolderFile = (typeof folderFiles)[number];

/**
 * The bytes of these files; those that are not there are absent. Read once and handed on, so that a process that is
 * started later reads the same, whatever has become of the folder meanwhile.
 */
export type FolderContents = Readonly<Partial<Record<FolderFile, Uint8Array>>>;

/** @throws InferenceError naming a file that is there and cannot be read */
export async function readContents(root: string): Promise<FolderContents> {
  const entries = folderFiles.map(async (name) => [name, await readIfThere(root, name)] as const);
  return Object.fromEntries((await Promise.all(entries)).filter(([, bytes]) => bytes !== undefined));
}

async function readIfThere(root: string, name: string): Promise<Uint8Array | undefined> {
  const path = join(root, name);
  try {
    if (leadsOut(root, path))
      throw new Error("it is a link out of the model's folder; put the file itself there");
    // A pipe would be waited for, without end.
    if (!(await stat(path)).isFile()) throw new Error("it is no file");
    return await readFile(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw new InferenceError("invalid_request", `${path} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
