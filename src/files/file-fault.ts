import { InferenceError } from "../core/errors.ts";

interface Fault {
  readonly reason: string;
  readonly fix: string;
}

const forbidden: Fault = {
  reason: "this user may not",
  fix: "Give this user the right to, or choose another place",
};
const noDescriptors: Fault = { reason: "too many files are open", fix: "Let more be open (ulimit -n)" };

/** What the system's codes mean, and what mends them. */
const faults: Readonly<Record<string, Fault>> = {
  ENOSPC: { reason: "no space is left on its disk", fix: "Make room" },
  EDQUOT: { reason: "the quota of its disk is used up", fix: "Make room" },
  EFBIG: {
    reason: "it may not become that large",
    fix: "Let files be larger (ulimit -f), or choose another disk",
  },
  EROFS: { reason: "its disk is read-only", fix: "Choose another place" },
  EACCES: forbidden,
  EPERM: forbidden,
  EMFILE: noDescriptors,
  ENFILE: noDescriptors,
  ENOENT: {
    reason: "it, or a folder on the way to it, is not there",
    fix: "Make it, or choose another place",
  },
  ENOTDIR: { reason: "a part of its path is no folder", fix: "Choose another place" },
  EEXIST: { reason: "a file stands where a folder should", fix: "Move it, or choose another place" },
  EISDIR: { reason: "it is a folder", fix: "Name a file" },
  ENAMETOOLONG: { reason: "its name is too long", fix: "Choose a shorter one" },
  ELOOP: { reason: "it is a loop of symbolic links", fix: "Choose another place" },
  EIO: { reason: "its disk failed", fix: "Choose another place" },
};

export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error && "code" in error;

/** Whether a disk has no room for what is written to it, or lets the file not grow. */
export const isOutOfRoom = (error: unknown): boolean =>
  isSystemError(error) && ["ENOSPC", "EDQUOT", "EFBIG"].includes(error.code ?? "");

/**
 * What is told of a file that could not be used: what failed, why, and what mends it. The system's own words leave out
 * the file where it was open already.
 * @param what failed, as "FILE cannot be written"
 * @param kept what became of the work, and how to go on with it
 * @returns an InferenceError; an error that is not the system's as it is
 */
export function fileFault(what: string, error: unknown, kept?: string): unknown {
  if (!isSystemError(error)) return error;
  const { reason, fix } = faults[error.code ?? ""] ?? { reason: error.message, fix: undefined };
  const sentences = [`${what}: ${reason}`, fix, kept].filter((part) => part !== undefined);
  return new InferenceError("invalid_request", `${sentences.join(". ")}.`, { cause: error });
}
