import { median, printTable } from "../report.ts";
import type { Timing } from "./peer.ts";
import type { Workload } from "./workloads.ts";

export interface Measured {
  readonly workload: Workload;
  /** Of each engine, Metropolis first, one of each round. */
  readonly timings: readonly (readonly Timing[])[];
}

/** Tokens/s and CPU time by engine; Metropolis's share of each is the median of the rounds' own ratios. */
export function printComparison(engines: readonly string[], measured: readonly Measured[]): void {
  const rows = measured.map(({ workload, timings }) => [
    workload.name,
    ...timings.map((rounds, engine) => {
      const rate = workload.counted / median(rounds.map(({ seconds }) => seconds));
      if (engine === 0) return rate.toFixed(1);
      const ratio = median(rounds.map(({ seconds }, round) => seconds / timings[0]![round]!.seconds));
      return `${rate.toFixed(1)} (${ratio.toFixed(2)}x)`;
    }),
  ]);
  printTable(["tokens/s (Metropolis against it)", ...engines], rows);
  console.log("");
  printTable(
    ["CPU ms a token", ...engines],
    measured.map(({ workload, timings }) => [
      workload.name,
      ...timings.map((rounds) =>
        ((1000 * median(rounds.map(({ cpuSeconds }) => cpuSeconds))) / workload.counted).toFixed(1),
      ),
    ]),
  );
}
