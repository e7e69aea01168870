import type { RemoteTotals } from "../health.ts";

/** Counts of an engine's calls, as they grow. */
type Totals = { -readonly [Name in keyof RemoteTotals]: RemoteTotals[Name] };

export const noTotals = (): Totals => ({
  calls: 0,
  retries: 0,
  aborts: 0,
  refinements: 0,
  drawnTokens: 0,
  promptTokens: 0,
  cachedTokens: 0,
  callMs: 0,
});

/** A call in the totals: one that is left before it has ended was aborted. */
export class CallRecord implements Disposable {
  readonly #totals: Totals;
  #since: number | undefined;

  constructor(totals: Totals) {
    this.#totals = totals;
  }

  /** @returns to be told how much of the prompt was cached */
  begin(promptTokens: number): (tokens: number) => void {
    this.#since = performance.now();
    this.#totals.calls++;
    this.#totals.promptTokens += promptTokens;
    return (tokens) => {
      this.#totals.cachedTokens += tokens;
    };
  }

  /** The server is through, or failed. */
  end(): void {
    if (this.#since === undefined) return;
    this.#totals.callMs += performance.now() - this.#since;
    this.#since = undefined;
  }

  [Symbol.dispose](): void {
    if (this.#since === undefined) return;
    this.end();
    this.#totals.aborts++;
  }
}
