import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import koffi from "koffi";

export interface IdleReleaseOptions {
  /** Gives memory back; it may take the thread for a tenth of a second. */
  readonly release: () => void;
  /** Whether work is under way although the event loop may be at rest, in native code. */
  readonly isWorking?: () => Promise<boolean>;
  /** Share of the time since it was asked last, 0 to 1, in which the event loop was busy. */
  readonly busyShare?: () => number;
}

/** A thread is idle when its event loop was busy for less than this share of a window. */
const idleShare = 0.05;
const windowMs = 10_000;

/**
 * Gives memory back once work is over: V8 collects only while something is allocated, so what a load leaves as garbage
 * would stand for as long as the thread has nothing to do.
 */
export class IdleRelease {
  readonly #options: Required<IdleReleaseOptions>;
  #wasBusy = false;

  constructor(options: IdleReleaseOptions) {
    this.#options = { isWorking: () => Promise.resolve(false), busyShare: loopUtilization(), ...options };
  }

  /** Looks every ten seconds, for as long as the thread lives; keeps it from nothing. */
  static start(options: IdleReleaseOptions): void {
    const idle = new IdleRelease(options);
    setInterval(() => {
      // An engine that failed is replaced with its thread.
      void idle.check().catch(() => undefined);
    }, windowMs).unref();
  }

  /** Looks at the time since the last look; releases once after each time of work. */
  async check(): Promise<void> {
    const { busyShare, isWorking, release } = this.#options;
    if (busyShare() >= idleShare || (await isWorking())) {
      this.#wasBusy = true;
      return;
    }
    if (!this.#wasBusy) return;
    this.#wasBusy = false;
    release();
    // To release is no work.
    busyShare();
  }
}

function loopUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

let gc: (() => void) | undefined;

/**
 * Collects this thread's garbage in full: twice, since V8 keeps room after the first time for as much as there was
 * before it (176 MiB became 113, and 34 with the second).
 */
export function collectGarbage(): void {
  if (gc === undefined) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  }
  gc();
  gc();
}

/** Has the C library give back what is free between what is in use, of all threads. glibc alone keeps it, and can. */
export function trimNativeMemory(): void {
  if (process.platform !== "linux") return;
  try {
    const trim = koffi.load("libc.so.6").func("int malloc_trim(size_t)") as (pad: number) => number;
    trim(0);
  } catch {
    // Another C library, which has no such call.
  }
}
