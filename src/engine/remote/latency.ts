import type { RemoteDetails } from "../health.ts";
import { TimeCurve, powersOfTwo } from "../time-curve.ts";

/** ms from one token of a stream to the next, by the calls under way: learned from streams as they come. */
export class TokenTimes {
  readonly #curve: TimeCurve;

  constructor(mostCalls: number) {
    this.#curve = new TimeCurve(powersOfTwo(mostCalls).map((size) => ({ size, ms: 0 })));
  }

  /** 0 while nothing is known. */
  at(calls: number): number {
    return this.#curve.at(calls);
  }

  /** Takes note of what a token took. */
  observe(calls: number, ms: number): void {
    if (calls > 0 && ms > 0) this.#curve.observe(calls, ms);
  }

  get report(): RemoteDetails["tokenTimes"] {
    return this.#curve.points.map(({ size, ms }) => ({ calls: size, ms }));
  }
}
