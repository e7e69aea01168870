import type { RemoteDetails } from "../health.ts";
import { TimeCurve, powersOfTwo } from "../time-curve.ts";

/** Tokens that are timed together: they arrive in bursts, the first of which would seem to have taken long, the rest nothing. */
const stretchTokens = 8;

/** What was seen at about so many calls, and is not in the curve yet. */
interface Stretch {
  tokens: number;
  ms: number;
  /** Calls under way, times ms. */
  callMs: number;
}

/** ms from one token of a stream to the next, by the calls under way: learned from streams as they come. */
export class TokenTimes {
  readonly #curve: TimeCurve;
  /** By the nearest power of two. */
  readonly #stretches = new Map<number, Stretch>();

  constructor(mostCalls: number) {
    this.#curve = new TimeCurve(powersOfTwo(mostCalls).map((size) => ({ size, ms: 0 })));
  }

  /** 0 while nothing is known. */
  at(calls: number): number {
    return this.#curve.at(calls);
  }

  /** Takes note of how long a stream has been waited for until so many tokens came. */
  observe(calls: number, tokens: number, ms: number): void {
    if (calls < 1) return;
    const power = Math.round(Math.log2(calls));
    const stretch = this.#stretches.get(power) ?? { tokens: 0, ms: 0, callMs: 0 };
    this.#stretches.set(power, stretch);
    stretch.tokens += tokens;
    stretch.ms += ms;
    stretch.callMs += calls * ms;
    if (stretch.tokens < stretchTokens || stretch.ms === 0) return;
    this.#curve.observe(stretch.callMs / stretch.ms, stretch.ms / stretch.tokens);
    this.#stretches.delete(power);
  }

  get report(): RemoteDetails["tokenTimes"] {
    return this.#curve.points.map(({ size, ms }) => ({ calls: size, ms }));
  }
}
