import { median } from "../report.ts";
import type { Timing } from "./peer.ts";
import type { Workload } from "./workloads.ts";

/** Of each engine, Metropolis first, one of each round. */
type Timings = readonly (readonly Timing[])[];

/** Tokens/s of each engine; Metropolis's rate against each is the median of the rounds' own ratios. */
export function ratesOf({ counted }: Workload, timings: Timings): string[] {
  const [own = []] = timings;
  return timings.map((rounds, engine) => {
    const rate = (counted / median(rounds.map(({ seconds }) => seconds))).toFixed(1);
    if (engine === 0) return rate;
    const ratio = median(rounds.map(({ seconds }, round) => seconds / own[round]!.seconds));
    return `${rate} (${ratio.toFixed(2)}x)`;
  });
}

/** CPU milliseconds a token of each engine. */
export const cpuOf = ({ counted }: Workload, timings: Timings): string[] =>
  timings.map((rounds) => ((1000 * median(rounds.map(({ cpuSeconds }) => cpuSeconds))) / counted).toFixed(1));
