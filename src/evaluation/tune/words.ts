import { accuracyWords, differenceWords, gainWords, ruleWords } from "../compute/words.ts";
import type { FrontierPoint } from "../compute/frontier.ts";
import { plainSamplers } from "./space.ts";
import type { Lap } from "./race.ts";
import type { Measured, Tuned } from "./tune.ts";
import type { Way } from "./ways.ts";

const wayWords = ({ configuration, rule, k }: Pick<Way, "configuration" | "rule" | "k">): string =>
  `${configuration.name}, ${ruleWords(rule, k)}`;

/** A lap of the race, as a line. */
export const lapWords = ({ questions, standing, left, leader }: Lap): string =>
  `${questions} questions: ${left.length} of ${standing.length} settings go on; ahead: ${wayWords(leader)}, ${leader.accuracy.value.toFixed(3)} at ${leader.cost.toFixed(1)} tokens`;

const row = (cost: number, unit: number, rest: string): string =>
  `  ${cost.toFixed(1).padStart(8)} ${`${(cost / unit).toFixed(2)}x`.padStart(7)}  ${rest}`;

const pointRow =
  (unit: number) =>
  ({ label, rule, k, cost, accuracy }: FrontierPoint): string =>
    row(cost, unit, `${accuracyWords(accuracy)}  ${label}, ${ruleWords(rule, k)}`);

const measuredRow =
  (unit: number) =>
  (way: Measured): string =>
    row(way.cost, unit, `${accuracyWords(way.accuracy)}  ${wayWords(way)}`);

/** What a plain way of answering is worth beside the winner, as a sentence. */
function verdict({ gain, ...way }: Measured & { readonly gain: NonNullable<Measured["gain"]> }): string {
  const at = `the winner less ${wayWords(way)}: ${gainWords(gain)}`;
  if (Number.isNaN(gain.low)) return `Too few questions to tell: ${at}.`;
  switch (differenceWords(gain)) {
    case "better":
      return `The winner is better than ${wayWords(way)}; ${at}.`;
    case "worse":
      return `${wayWords(way)} is better than the winner; ${at}.`;
    case "not told apart":
      return `${wayWords(way)} is as good, as far as these questions tell; ${at}.`;
  }
}

/** All that was found, in lines. */
export function tunedWords({ unit, tooDear, winner, frontier, heldOut }: Tuned, questions: number): string[] {
  const plain = heldOut.filter(({ gain }) => gain !== null) as Parameters<typeof verdict>[0][];
  const own = heldOut.find(({ gain }) => gain === null)!;
  const isPlain = plainSamplers.some((sampler) => sampler === own.configuration.fields.sampler);
  return [
    ...(tooDear.length === 0 ? [] : [`Beyond the budget: ${tooDear.join("; ")}`]),
    "",
    "Frontier on the search half (evaluated tokens a question, times a plain answer, accuracy); chosen on these questions, and so flattered:",
    ...frontier.map(pointRow(unit)),
    "",
    `Winner: ${wayWords(winner)}`,
    `On the ${questions} questions held out, on which nothing was chosen (95 % intervals):`,
    ...heldOut.map(measuredRow(unit)),
    "",
    ...(isPlain ? [`Plain sampling does: the winner is ${wayWords(own)}.`] : []),
    ...plain.map(verdict),
  ];
}
