import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InferenceError } from "../core/errors.ts";
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
  await mkdir(dirname(target), { recursive: true });
  let failures = 0;
  for (;;) {
    const before = await sizeOf(incomplete);
    try {
      const hash = await fill(file, incomplete, options);
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
      if (isFull(error)) throw diskFull(file, target, error);
      // Another process pulled it meanwhile.
      if ((await sizeOf(target)) === file.size) return;
      if (isOfDisk(error)) throw error;
      failures = (await sizeOf(incomplete)) > before ? 1 : failures + 1;
      if (failures >= maxFailures) throw givenUp(file, error);
      await sleep((options.retryDelayMs ?? 500) * 2 ** (failures - 1));
    }
  }
}

/**
 * Appends what is missing of the file, and returns the hash of all of it. Nothing that is there is cut away: another
 * process may be pulling the same bytes into the same file.
 */
async function fill(
  file: HubFile,
  path: string,
  { openAt, onProgress, stallMs = 60_000 }: DownloadOptions,
): Promise<string> {
  let offset = await sizeOf(path);
  if (offset > file.size) {
    await rm(path, { force: true });
    offset = 0;
  }
  let hash = await startHash(file, path, offset);
  onProgress(offset);
  await using output = await open(path, constants.O_RDWR | constants.O_CREAT);
  if (offset < file.size) {
    const stall = new AbortController();
    const timer = setTimeout(() => {
      stall.abort(new Error(`nothing arrived for ${stallMs} ms`));
    }, stallMs);
    try {
      const reply = await openAt(offset, stall.signal);
      if (reply.status !== 206 && offset > 0) {
        offset = 0;
        hash = await startHash(file, path, 0);
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

async function writeAll(
  output: Awaited<ReturnType<typeof open>>,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await output.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** The hash of the first `length` bytes that are there already; git's starts with a header. */
async function startHash({ hashKind, size }: HubFile, path: string, length: number): Promise<Hash> {
  const hash = createHash(hashKind === "git" ? "sha1" : "sha256");
  if (hashKind === "git") hash.update(`blob ${size}\0`);
  if (length > 0) {
    for await (const chunk of createReadStream(path, { end: length - 1 })) hash.update(chunk as Buffer);
  }
  return hash;
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

const isFull = (error: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");

/** Whether a file could not be opened, written or renamed; what the network does comes without a system call. */
export const isOfDisk = (error: unknown): error is NodeJS.ErrnoException =>
  (error as NodeJS.ErrnoException).syscall !== undefined;

function diskFull({ path, size }: HubFile, target: string, cause: unknown): InferenceError {
  return new InferenceError(
    "model_not_found",
    `No space is left for ${path} (${size} bytes) in ${dirname(target)}. Make room and pull again: it goes on where it stopped. HF_HOME puts the cache elsewhere.`,
    { cause },
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
