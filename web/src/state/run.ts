import { computed, signal } from "@preact/signals";
import { problem, showProblem } from "./problem.ts";

const running = signal<AbortController | undefined>(undefined);
let last = Promise.resolve();

export const isRunning = computed(() => running.value !== undefined);

export function cancel(): void {
  running.value?.abort();
}

/**
 * Runs one thing at a time: what runs is cancelled, and has ended before the next begins, so that what a view shows
 * again where a run comes to nothing is not the next one's. One that is cancelled before its turn never begins. What
 * goes wrong is said in the form.
 */
export function run(work: (signal: AbortSignal) => Promise<void>): void {
  cancel();
  const own = (running.value = new AbortController());
  last = last.then(async () => {
    if (!own.signal.aborted) await begin(work, own.signal);
    if (running.value === own) running.value = undefined;
  });
}

async function begin(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
  problem.value = undefined;
  try {
    await work(signal);
  } catch (error) {
    if (!signal.aborted) showProblem(error);
  }
}
