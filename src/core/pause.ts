import { setTimeout } from "node:timers/promises";

/** What a timer can wait, ms: told to wait longer, it waits for nothing. */
const longestMs = 2 ** 31 - 1;

/** Waits as long as somebody else has asked for, which may be any number. @throws the signal's AbortError */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  setTimeout(Math.min(ms, longestMs), undefined, { signal });
