import { quantile } from "../report.ts";

/** How a request ended: as it should, by its client's leaving, or otherwise. */
export type Outcome = { readonly type: "done" | "left" } | { readonly type: "failed"; readonly why: string };

interface Count {
  done: number;
  left: number;
  failed: number;
  /** Of those done, ms. */
  readonly times: number[];
}

/** Latest times kept of each kind. */
const keptTimes = 20_000;

/** Failures that are shown in words. */
const shownFailures = 20;

/** What became of the requests, by their kind. */
export class Tally {
  readonly #counts = new Map<string, Count>();
  readonly #failures = new Map<string, number>();

  add(kind: string, outcome: Outcome, ms: number): void {
    const count = this.#counts.get(kind) ?? { done: 0, left: 0, failed: 0, times: [] };
    this.#counts.set(kind, count);
    if (outcome.type === "done") count.times[count.done % keptTimes] = ms;
    count[outcome.type]++;
    if (outcome.type === "failed") {
      const what = `${kind}: ${outcome.why}`;
      if (this.#failures.has(what) || this.#failures.size < shownFailures)
        this.#failures.set(what, (this.#failures.get(what) ?? 0) + 1);
    }
  }

  get totals(): Readonly<Record<Outcome["type"], number>> {
    const counts = [...this.#counts.values()];
    const sum = (type: Outcome["type"]): number => counts.reduce((total, count) => total + count[type], 0);
    return { done: sum("done"), left: sum("left"), failed: sum("failed") };
  }

  /** Kind, done, left, failed, and of those done the median and the 99th percentile of their time, ms. */
  get rows(): string[][] {
    return [...this.#counts].map(([kind, { done, left, failed, times }]) => [
      kind,
      ...[done, left, failed].map(String),
      ...[0.5, 0.99].map((share) => quantile(times, share).toFixed(0)),
    ]);
  }

  /** What failed, in words, with how often. */
  get failures(): readonly string[] {
    return [...this.#failures].map(([what, times]) => `${times} x ${what}`);
  }
}
