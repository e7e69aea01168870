import type { MessagePort } from "node:worker_threads";

/** How often the server's thread shows that it turns, ms. */
export const beatMs = 50;

/** What the thread of `ProbeServer` is given. */
export interface ProbeData {
  readonly host: string;
  readonly port: number;
  /** When the server's thread last turned: nanoseconds of `process.hrtime`. */
  readonly beats: BigInt64Array;
}

/** What it says, once. */
export type ProbeStart =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "failed"; readonly problem: string };

export type ToProbe =
  /** A port at which the engine at hand tells its health. */
  | { readonly type: "engine"; readonly port: MessagePort }
  /** What the engine that is to come is doing, as the end of a sentence. */
  | { readonly type: "loading"; readonly what: string };
