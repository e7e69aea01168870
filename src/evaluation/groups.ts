import { isSamplerName, samplerNames, samplers } from "../samplers/registry.ts";
import type { Result } from "./result.ts";

/** What one model in one configuration answered, to all questions. */
export interface Group {
  /** Model and configuration, as charts name them. */
  readonly label: string;
  readonly model: string;
  readonly configuration: string;
  readonly fields: Result["fields"];
  /** By id, so that those of two groups are paired. */
  readonly results: readonly Result[];
}

export interface Groups {
  /** What others are held against first, then token by token before whole completions: see `samplerPlaces`. */
  readonly finished: readonly Group[];
  /** What was begun and never finished, and so is left out: differences are paired over all items. */
  readonly unfinished: readonly string[];
}

/** @param items how many a finished configuration has answered */
export function groupResults(results: readonly Result[], items: number): Groups {
  const models = [...new Set(results.map(({ model }) => model))];
  const labelOf = ({ model, configuration }: Result): string =>
    models.length > 1 ? `${model}: ${configuration}` : configuration;
  const groups = [...groupBy(results, labelOf)].map(([label, own]): Group => {
    const { model, configuration, fields } = own[0]!;
    return {
      label,
      model,
      configuration,
      fields,
      results: own.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    };
  });
  const placeOf = ({ model, fields }: Group): readonly number[] => [
    models.indexOf(model),
    samplerPlaces.findIndex((name) => name === fields.sampler),
    ...Object.values(fields).filter((value) => typeof value === "number"),
  ];
  const isFinished = ({ results: own }: Group): boolean => own.length === items;
  return {
    finished: groups
      .filter(isFinished)
      .sort((a, b) => comparePlaces(placeOf(a), placeOf(b)) || (a.label < b.label ? -1 : 1)),
    unfinished: groups.filter((group) => !isFinished(group)).map(({ label }) => label),
  };
}

function groupBy<Member>(
  members: readonly Member[],
  keyOf: (member: Member) => string,
): Map<string, Member[]> {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const key = keyOf(member);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [member]);
    else group.push(member);
  }
  return groups;
}

/**
 * Samplers in the order in which a report has them: the model's own law, what other servers have as well, then the rest,
 * each as they are declared.
 */
const samplerPlaces = samplerNames.toSorted((a, b) => rankOf(a) - rankOf(b));

function rankOf(name: (typeof samplerNames)[number]): number {
  if (name === "standard") return 0;
  return samplers[name].plainFields === undefined ? 2 : 1;
}

function comparePlaces(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const gap = value - (right[index] ?? -Infinity);
    if (gap !== 0) return gap;
  }
  return left.length - right.length;
}

/** Whether every seed gives a sampler's one answer, which stands for all of them. */
export const isAlwaysSame = (fields: Result["fields"]): boolean =>
  isSamplerName(fields.sampler) && samplers[fields.sampler].ignoresSeed === true;
