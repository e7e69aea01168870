import { rmSync } from "node:fs";
import { realpath, rename, stat, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { fileFault, isSystemError } from "./file-fault.ts";

/**
 * Writes a file that is never there in part: what stood in its place stays until all of the new is on the disk, whether
 * that fills up or the process is ended.
 * @throws InferenceError naming the file, and why it cannot be written
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  // A link goes on pointing to what it points to.
  const target = await realpath(path).catch(() => path);
  const found = await stat(target).catch(() => undefined);
  try {
    // Devices and pipes are written to.
    if (found !== undefined && !found.isFile()) await writeFile(target, content);
    else await replace(target, content, found?.mode);
  } catch (error) {
    const kept = found?.isFile() === true ? "What was there before is left as it was" : undefined;
    throw fileFault(`${path} cannot be written`, error, kept);
  }
}

/** Where a file may be written and its folder may not, or the file is a mount of its own. */
const inPlace = ["EACCES", "EPERM", "EROFS", "EBUSY"];

/** @param mode of the file that is there, if one is */
async function replace(
  target: string,
  content: string | Uint8Array,
  mode: number | undefined,
): Promise<void> {
  const part = `${target}.${process.pid}.part`;
  const remove = (): void => {
    rmSync(part, { force: true });
  };
  process.once("exit", remove);
  try {
    await writeFile(part, content, { mode, flush: true });
    await rename(part, target);
  } catch (error) {
    remove();
    const mayBeWritten = mode !== undefined && isSystemError(error) && inPlace.includes(error.code ?? "");
    if (!mayBeWritten) throw error;
    await writeFile(target, content);
  } finally {
    process.off("exit", remove);
  }
}

/**
 * Appends all of a text or nothing: half a line, left by a disk without room, would spoil the next.
 * @throws the system's error
 */
export async function appendWhole(file: FileHandle, text: string): Promise<void> {
  const { size } = await file.stat();
  try {
    await file.appendFile(text);
  } catch (error) {
    const grown = (await file.stat()).size - size;
    // What is longer was written by another process too.
    if (grown > 0 && grown < Buffer.byteLength(text)) await file.truncate(size).catch(() => undefined);
    throw error;
  }
}
