import { ort } from "./api.ts";
import type { NativeFunction, Pointer } from "./api.ts";

/** Throws what a status says, and releases it. Null is success. */
export function check(status: Pointer | null): void {
  if (status === null || status === 0n) return;
  const message = ort().GetErrorMessage(status) as string;
  ort().ReleaseStatus(status);
  throw new Error(message);
}

/** Calls a function whose last parameter is an out-pointer, and returns what it wrote. */
export function create(fn: NativeFunction, ...args: readonly unknown[]): Pointer {
  const out: [Pointer | null] = [null];
  check(fn(...args, out) as Pointer | null);
  return out[0]!;
}

/** The same for a function that writes a number. */
export function read(fn: NativeFunction, ...args: readonly unknown[]): number {
  const out: [number | bigint] = [0];
  check(fn(...args, out) as Pointer | null);
  return Number(out[0]);
}

/** The same for a function that writes where a text stands. */
export function readText(fn: NativeFunction, ...args: readonly unknown[]): string {
  const out: [string] = [""];
  check(fn(...args, out) as Pointer | null);
  return out[0];
}

/** Runs a call on a thread of its own, so that the event loop goes on. */
export async function callAsync(fn: NativeFunction, ...args: readonly unknown[]): Promise<void> {
  const status = await new Promise<unknown>((resolve, reject) => {
    fn.async(...args, (error: Error | null, result: unknown) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
  check(status as Pointer | null);
}
