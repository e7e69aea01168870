import type { SamplerName } from "../../samplers/registry.ts";
import { summarizeCompute } from "../compute/curves.ts";
import { frontier } from "../compute/frontier.ts";
import type { FrontierPoint } from "../compute/frontier.ts";
import { outcomesOf } from "../compute/outcomes.ts";
import type { Rule } from "../compute/outcomes.ts";
import type { Configuration } from "../configurations.ts";
import type { DataItem } from "../data-set.ts";
import { estimate } from "../statistics.ts";
import type { Estimate } from "../statistics.ts";
import type { Result } from "../result.ts";
import { race } from "./race.ts";
import type { Answers, Lap } from "./race.ts";
import { plainSamplers } from "./space.ts";
import type { Halves } from "./split.ts";
import { affordable, costOf, gainOf, groupOf, leeway, waysOf } from "./ways.ts";
import type { Entrant, Way } from "./ways.ts";

export interface TuneOptions extends Halves<DataItem> {
  readonly configurations: readonly Configuration[];
  /** Times the cost of one plain answer. */
  readonly budget: number;
  /** How one of several answers may be chosen. */
  readonly rules: readonly Rule[];
  /** One answer of each configuration to the first questions, to know what it costs. */
  readonly prices: Answers;
  readonly answers: Answers;
  readonly onLap: (lap: Lap) => void;
}

/** A way of answering on the held-out half. */
export interface Measured {
  readonly configuration: Configuration;
  readonly rule: Rule;
  readonly k: number;
  readonly cost: number;
  readonly accuracy: Estimate;
  /** Of the winner, over this way; null for the winner itself. */
  readonly gain: Estimate | null;
}

export interface Tuned {
  /** Evaluated tokens of a plain answer, on the search half. */
  readonly unit: number;
  /** Configurations of which one answer alone is beyond the budget. */
  readonly tooDear: readonly string[];
  readonly winner: Way;
  /** Of what came to the race's end and of the plain ones, on the search half, on which the winner was chosen. */
  readonly frontier: readonly FrontierPoint[];
  /** On the held-out half: the winner, greedy, low temperature, a plain answer, and votes of the latter two. */
  readonly heldOut: readonly Measured[];
}

/** Questions that say what an answer costs, about. */
const pricedQuestions = 4;

/** Most answers of a configuration to a question. */
const mostAnswers = 64;

/** Finds the most accurate way of answering within a budget, and measures it on questions that it was not chosen on. */
export async function tune(options: TuneOptions): Promise<Tuned> {
  const { search, budget, rules, answers } = options;
  const { entrants, tooDear } = await priced(options);
  const unit = entrants.find(({ configuration }) => isOf(configuration, "standard"))!;
  const laps = await race({ ...options, entrants, unit, questions: search });
  const { leader: winner, left } = laps.at(-1)!;

  const plain = entrants.filter(({ configuration }) => isPlain(configuration));
  const ended = [...new Set([...plain, ...left])];
  const results = await answers(search, ended);
  const cost = costOf(outcomesOf(groupOf(unit.configuration, results), [1]));
  const compared = ended.flatMap(({ configuration }) => {
    const outcomes = affordable(groupOf(configuration, results), budget * cost);
    return outcomes === undefined ? [] : [summarizeCompute(outcomes)];
  });
  const allowed = compared.map((one) => ({
    ...one,
    curves: one.curves.filter(({ rule }) => rules.includes(rule)),
  }));
  return {
    ...{ unit: cost, tooDear, winner },
    frontier: frontier(allowed, "evaluated"),
    heldOut: await measure(options, winner, entrants, plainest(plain, results)),
  };
}

const isOf = ({ fields }: Configuration, sampler: SamplerName): boolean => fields.sampler === sampler;

const isPlain = (configuration: Configuration): boolean =>
  plainSamplers.some((sampler) => isOf(configuration, sampler));

/** What may be within the budget, with as many answers as that pays. */
async function priced({ search, configurations, budget, prices }: TuneOptions) {
  const questions = search.slice(0, pricedQuestions);
  const results = await prices(
    questions,
    configurations.map((configuration) => ({ configuration, n: 1 })),
  );
  const costs = configurations.map((one) => costOf(outcomesOf(groupOf(one, results), [1])));
  const unit = costs[configurations.findIndex((one) => isOf(one, "standard"))]!;
  const entrants: Entrant[] = [];
  const tooDear: string[] = [];
  for (const [index, configuration] of configurations.entries()) {
    const paid = (leeway * budget * unit) / costs[index]!;
    // So few questions tell the cost roughly; the race looks again.
    if (paid < 2 / 3 && !isPlain(configuration)) tooDear.push(configuration.name);
    else entrants.push({ configuration, n: Math.max(1, Math.min(mostAnswers, Math.ceil(paid))) });
  }
  return { entrants, tooDear };
}

/** A plain answer first, greedy, and of the low temperatures the one whose lone answers are right most often. */
function plainest(plain: readonly Entrant[], results: readonly Result[]): readonly Entrant[] {
  const accuracyOf = ({ configuration }: Entrant): number =>
    outcomesOf(groupOf(configuration, results), [1]).strategies[0]!.outcomes[0]!.accuracy.value;
  return plainSamplers.map((sampler) =>
    plain
      .filter(({ configuration }) => isOf(configuration, sampler))
      .reduce((best, one) => (accuracyOf(one) > accuracyOf(best) ? one : best)),
  );
}

async function measure(
  { heldOut, budget, answers }: TuneOptions,
  winner: Way,
  entrants: readonly Entrant[],
  plain: readonly Entrant[],
): Promise<Measured[]> {
  const champion = entrants.find(({ configuration }) => configuration === winner.configuration)!;
  const results = await answers(heldOut, [...new Set([champion, ...plain])]);
  const wayOf = ({ configuration }: Entrant, rule: Rule, k: number): Way | undefined =>
    waysOf(configuration, outcomesOf(groupOf(configuration, results), k === 1 ? [1] : [1, k])).find(
      (way) => way.rule === rule && way.k === k,
    );
  const own = wayOf(champion, winner.rule, winner.k)!;
  const [unit, greedy, lowTemperature] = plain;
  const votes = Math.floor(leeway * budget);
  const others = [
    wayOf(greedy!, "single", 1),
    wayOf(lowTemperature!, "single", 1),
    wayOf(unit!, "single", 1),
    ...[unit!, lowTemperature!].map((entrant) => wayOf(entrant, "vote", Math.min(entrant.n, votes))),
  ].filter((way) => way !== undefined);
  return [own, ...others.filter((way) => !isSameWay(way, own))].map((way) => ({
    ...way,
    accuracy: estimate(way.accuracy),
    gain: way === own ? null : estimate(gainOf(own, way)),
  }));
}

const isSameWay = (one: Way, other: Way): boolean =>
  one.configuration === other.configuration && one.rule === other.rule && one.k === other.k;
