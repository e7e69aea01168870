import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InferenceError } from "../core/errors.ts";
import { fileFault, isOutOfRoom, isSystemError } from "../files/file-fault.ts";
import { makeFolder } from "../files/make-folder.ts";
import type { HubFile } from "./hub-client.ts";

export interface DownloadOptions {
  /** Opens the file's bytes from `offset` on. */
  readonly openAt: (offset: number, signal: AbortSignal) => Promise<Response>;
  /** Called with how many bytes are there, those of an earlier attempt included. */
  readonly onProgress: (bytes: number) => void;
  /** Pause after the first failure; doubles with each that follows without progress. */
  readonly retryDelayMs?: number;
  /** A connection that brings nothing for so long counts as cut. */
  readonly stallMs?: number;
}

/** Failures in a row, none of which brought a byte, before it is given up. */
const maxFailures = 5;

const incompletePath = (target: string): string => `${target}.incomplete`;

/** How much of a file an earlier attempt left. */
export const incompleteBytes = (target: string): Promise<number> => sizeOf(incompletePath(target));

/**
 * Downloads a file to `target`, going on where an earlier attempt stopped, and verifies size and hash before it gets
 * its name. Cut connections are taken up again.
 * @throws InferenceError naming the file: given up, wrong hash, no space. What came so far is kept, unless it is wrong
 */
export async function download(file: HubFile, target: string, options: DownloadOptions): Promise<void> {
  const incomplete = incompletePath(target);
  await makeFolder(dirname(target));
  let failures = 0;
  for (;;) {
    const before = await sizeOf(incomplete);
    try {
      if (before > file.size) await rm(incomplete, { force: true });
      await using output = await open(incomplete, constants.O_RDWR | constants.O_CREAT);
      const hash = await fill(file, { path: incomplete, output }, options);
      if (!(await isStill(output, incomplete))) throw new Error("another process took the file");
      if (hash !== file.hash) {
        await rm(incomplete, { force: true });
        throw new InferenceError(
          "model_not_found",
          `${file.path} arrived with hash ${hash} instead of ${file.hash}. It was thrown away; pull again.`,
        );
      }
      await rename(incomplete, target);
      return;
    } catch (error) {
      if (error instanceof InferenceError) throw error;
      // Another process pulled it meanwhile.
      if ((await sizeOf(target)) === file.size) return;
      if (isOutOfRoom(error)) throw await outOfRoom(file, target, error);
      if (isSystemError(error)) throw error;
      failures = (await sizeOf(incomplete)) > before ? 1 : failures + 1;
      if (failures >= maxFailures) throw givenUp(file, error);
      await sleep((options.retryDelayMs ?? 500) * 2 ** (failures - 1));
    }
  }
}

/**
 * Appends what is missing of the file, and returns the hash of all of it. Nothing that is there is cut away: another
 * process may be pulling the same bytes into the same file. It may also finish, and take the file's name from it: so
 * what is read and what is written go by one descriptor, lest a new file get the end alone.
 */
async function fill(
  file: HubFile,
  { path, output }: { readonly path: string; readonly output: FileHandle },
  { openAt, onProgress, stallMs = 60_000 }: DownloadOptions,
): Promise<string> {
  let offset = (await output.stat()).size;
  let hash = await startHash(file, output, offset);
  onProgress(offset);
  if (offset < file.size) {
    const stall = new AbortController();
    const timer = setTimeout(() => {
      stall.abort(new Error(`nothing arrived for ${stallMs} ms`));
    }, stallMs);
    try {
      const reply = await openAt(offset, stall.signal);
      if (reply.status !== 206 && offset > 0) {
        offset = 0;
        hash = await startHash(file, output, 0);
      }
      for await (const chunk of reply.body ?? []) {
        timer.refresh();
        const bytes = chunk as Uint8Array;
        if (offset + bytes.length > file.size) {
          await rm(path, { force: true });
          throw wrongSize(file, offset + bytes.length);
        }
        await writeAll(output, bytes, offset);
        hash.update(bytes);
        offset += bytes.length;
        onProgress(offset);
      }
    } finally {
      clearTimeout(timer);
    }
    if (offset < file.size) throw new Error(`the connection ended after ${offset} of ${file.size} bytes`);
  }
  return hash.digest("hex");
}

async function writeAll(output: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await output.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** The hash of the first `length` bytes that are there already; git's starts with a header. */
async function startHash({ hashKind, size }: HubFile, file: FileHandle, length: number): Promise<Hash> {
  const hash = createHash(hashKind === "git" ? "sha1" : "sha256");
  if (hashKind === "git") hash.update(`blob ${size}\0`);
  if (length > 0) {
    const bytes = file.createReadStream({ start: 0, end: length - 1, autoClose: false });
    for await (const chunk of bytes) hash.update(chunk as Buffer);
  }
  return hash;
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

/** Whether a descriptor is of the file that has the name now. */
async function isStill(file: FileHandle, path: string): Promise<boolean> {
  const [own, there] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  return own.ino === there?.ino && own.dev === there.dev;
}

async function outOfRoom({ path, size }: HubFile, target: string, cause: unknown): Promise<unknown> {
  const missing = size - (await incompleteBytes(target));
  return fileFault(
    `${path} (${size} bytes, of which ${missing} are missing) cannot be written to ${dirname(target)}`,
    cause,
    "Pull again then: it goes on where it stopped. HF_HOME puts the cache elsewhere",
  );
}

function wrongSize({ path, size }: HubFile, arrived: number): InferenceError {
  return new InferenceError(
    "model_not_found",
    `${path} is longer (${arrived} bytes and more) than the ${size} that the hub lists. It was thrown away; pull again.`,
  );
}

function givenUp({ path }: HubFile, cause: unknown): InferenceError {
  return new InferenceError(
    "model_not_found",
    `${path} could not be downloaded: ${describeFailure(cause)}. Pull again to go on where it stopped.`,
    { cause },
  );
}

/** What a failed fetch says; its reason is in its cause. */
export function describeFailure(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
