import type { DataItem } from "../data-set.ts";
import type { Result } from "../result.ts";
import { quantile } from "../statistics.ts";
import { outcomesOf } from "../compute/outcomes.ts";
import type { Rule } from "../compute/outcomes.ts";
import { affordable, bestOf, costOf, gainOf, groupOf, waysOf } from "./ways.ts";
import type { Entrant, Way } from "./ways.ts";

/** Results of all of these to all of these questions: those that there are, and those asked for now. */
export type Answers = (
  questions: readonly DataItem[],
  entrants: readonly Entrant[],
) => Promise<readonly Result[]>;

export interface RaceOptions {
  readonly entrants: readonly Entrant[];
  readonly questions: readonly DataItem[];
  readonly answers: Answers;
  /** Times the cost of one plain answer. */
  readonly budget: number;
  /** The plain answer; it is asked to the end, being the unit of cost. */
  readonly unit: Entrant;
  /** How one of several answers may be chosen. */
  readonly rules: readonly Rule[];
  readonly onLap: (lap: Lap) => void;
}

/** How things stood after some questions. */
export interface Lap {
  readonly questions: number;
  readonly leader: Way;
  /** Of each configuration that took part and is within the budget, the best way. */
  readonly standing: readonly Way[];
  /** Those that go on. */
  readonly left: readonly Entrant[];
}

const firstLap = 8;

/** Share of resamples in which a way has to fall short of the leader, to be out. */
const confidence = 0.995;

/** 8 questions, 16, 32, … and all of them. */
export function lapsOf(questions: number): readonly number[] {
  const laps: number[] = [];
  for (let size = firstLap; size < questions; size *= 2) laps.push(size);
  return [...laps, questions];
}

/**
 * A race (Maron and Moore 1994; with paired blocks, Birattari et al. 2002, F-Race): all entrants answer the first few
 * questions, those whose every way within the budget falls short of the leader's in 99.5 % of the paired resamples are
 * out, and the others answer as many more, to the last question. It depends on the answers alone: with the same ones it
 * ends the same. Laps are not corrected for one another; what the winner is worth is measured on other questions.
 */
export async function race(options: RaceOptions): Promise<readonly Lap[]> {
  const { entrants, questions, answers, budget, unit, rules, onLap } = options;
  const laps: Lap[] = [];
  let left = entrants;
  for (const size of lapsOf(questions.length)) {
    const asked = [unit, ...left.filter((one) => one !== unit)];
    const results = await answers(questions.slice(0, size), asked);
    const most = budget * costOf(outcomesOf(groupOf(unit.configuration, results), [1]));
    // The unit is always within the budget: whatever the others turn out to cost, something leads.
    const standing = asked.map((entrant) => ({ entrant, ways: waysWithin(entrant, results, most, rules) }));
    const leader = bestOf(standing.flatMap(({ ways }) => ways));
    left = standing
      .filter(({ ways }) => ways.some((way) => mayReach(way, leader)))
      .map(({ entrant }) => entrant);
    const best = standing.flatMap(({ ways }) => (ways.length === 0 ? [] : [bestOf(ways)]));
    laps.push({ questions: size, leader, standing: best, left });
    onLap(laps.at(-1)!);
  }
  return laps;
}

/** A configuration's ways that cost no more. */
export function waysWithin(
  { configuration }: Entrant,
  results: readonly Result[],
  most: number,
  rules: readonly Rule[],
): readonly Way[] {
  const outcomes = affordable(groupOf(configuration, results), most);
  if (outcomes === undefined) return [];
  return waysOf(configuration, outcomes).filter(({ rule }) => rules.includes(rule));
}

function mayReach(way: Way, leader: Way): boolean {
  const { value, resamples } = gainOf(way, leader);
  return resamples.length === 0 ? value >= 0 : quantile(resamples.toSorted(), confidence) >= 0;
}
