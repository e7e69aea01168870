import { findReport, samplerChoices } from "../../../../src/client/client.ts";
import type { CompleteRequest, CompletionResponse } from "../../../../src/client/client.ts";
import { baseLaw, countedLaw, groupShares, lowTemperatureLaw, powerLaw } from "../../law/laws.ts";
import type { Law } from "../../law/laws.ts";
import type { Sample } from "../../law/sample.ts";

/** Answers that the form's sampler has drawn. */
export interface Drawn {
  readonly sampler: CompleteRequest["sampler"];
  /** Of its target; undefined where its sampler has none. */
  readonly alpha: number | undefined;
  readonly choices: CompletionResponse["choices"];
}

/** One law over the groups. */
export interface Column {
  readonly name: "base" | "low-temperature" | "power" | "drawn";
  readonly title: string;
  readonly explanation: string;
  readonly shares: ReadonlyMap<string, number>;
  /** The share of answers that were not seen; undefined where it is not known. */
  readonly unseen: number | undefined;
  /** Whether it belongs to another α than the one that is looked at. */
  readonly isStale?: boolean;
}

export interface Columns {
  readonly groups: readonly string[];
  /** Groups beside those, which are told together. */
  readonly others: readonly string[];
  readonly columns: readonly Column[];
}

interface ColumnInput {
  readonly sample: Sample;
  /** Whether answers were held to something: then p says how likely an answer is, not how often it is drawn. */
  readonly isHeld: boolean;
  readonly drawn: Drawn | undefined;
  readonly alpha: number;
  readonly grouping: "number" | "text";
}

/** Groups that have a line of their own. */
const mostGroups = 10;

const whole = (text: string): string => text.trim() || "(nothing)";
const lastNumber = (text: string): string => /-?\d+(?:\.\d+)?(?!.*\d)/s.exec(text)?.[0] ?? "no number";

export function columnsOf({ sample, isHeld, drawn, alpha, grouping }: ColumnInput): Columns {
  const groupOf = grouping === "number" ? lastNumber : whole;
  const column = (
    head: Pick<Column, "name" | "title" | "explanation">,
    law: Law,
    knowsRest: boolean,
  ): Column => ({
    ...head,
    shares: groupShares(sample.answers, law, groupOf),
    unseen: knowsRest
      ? Math.max(
          0,
          law.reduce((rest, share) => rest - share, 1),
        )
      : undefined,
  });
  const columns = [
    column(
      { name: "base", title: "The model", explanation: "temperature 1" },
      isHeld ? countedLaw(sample) : baseLaw(sample),
      !isHeld,
    ),
    ...(isHeld
      ? []
      : [
          column(
            { name: "low-temperature", title: "Low tempera\u00adture", explanation: "each token sharpened" },
            lowTemperatureLaw(sample, alpha),
            true,
          ),
        ]),
    column(
      { name: "power", title: "Power", explanation: "whole answers sharpened" },
      // What answers are held to leaves an unknown share of p.
      isHeld ? powerLaw(sample, alpha, 0) : powerLaw(sample, alpha),
      !isHeld,
    ),
    ...(drawn === undefined ? [] : [drawnColumn(drawn, alpha, groupOf)]),
  ];
  const most = (group: string): number => Math.max(...columns.map(({ shares }) => shares.get(group) ?? 0));
  const all = [...new Set(columns.flatMap(({ shares }) => [...shares.keys()]))];
  const shown = all.toSorted((a, b) => most(b) - most(a));
  return { groups: shown.slice(0, mostGroups), others: shown.slice(mostGroups), columns };
}

function drawnColumn(
  { sampler, alpha, choices }: Drawn,
  shown: number,
  groupOf: (text: string) => string,
): Column {
  const shares = new Map<string, number>();
  for (const { text } of choices) {
    const group = groupOf(text);
    shares.set(group, (shares.get(group) ?? 0) + 1 / choices.length);
  }
  const { label } = samplerChoices.find(({ name }) => name === sampler)!;
  const exponent = alpha === undefined ? "" : ` at α\u00a0=\u00a0${alpha}`;
  const isStale = alpha !== undefined && alpha !== shown;
  return {
    name: "drawn",
    title: `Drawn: ${label.toLowerCase()}${exponent}`,
    explanation: isStale ? `run again for α = ${shown}` : `${choices.length} answers counted`,
    isStale,
    shares,
    unseen: undefined,
  };
}

/** What drawing them took, in all. */
export function costOfAll({ choices }: Drawn): { drawn: number; evaluated: number; remembered: number } {
  const reports = choices.flatMap((choice) => findReport(choice)?.body ?? []);
  return {
    drawn: reports.reduce((sum, report) => sum + report.drawn_tokens, 0),
    evaluated: reports.reduce((sum, report) => sum + report.evaluated_tokens, 0),
    remembered: reports.reduce((sum, report) => sum + report.remembered_tokens, 0),
  };
}
