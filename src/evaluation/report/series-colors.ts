import type { EqualCompute } from "../analysis.ts";
import type { ComputeSummary } from "../compute/curves.ts";
import { colorScale, palette } from "./chart.ts";
import type { ColorScale } from "./chart.ts";

/** Configurations that have a colour of their own; more cannot be told apart. */
const mostColours = 8;

/** Of all that have none. */
export const plainColour = "#999";

/**
 * A colour for the first configuration, for those that are the best at some cost, and for the best of the rest, as many
 * as can be told apart. They are the same in all charts of a page.
 * @param subjects labels of those that the page is about: they have one in any case
 */
export function seriesColors(
  { configurations, frontiers }: EqualCompute,
  subjects: readonly string[] = [],
): ColorScale {
  const labels = configurations.map(({ label }) => label);
  const byAccuracy = configurations.toSorted((a, b) => bestOf(b) - bestOf(a)).map(({ label }) => label);
  const onFrontier = frontiers.evaluated.map(({ label }) => label);
  const wanted = [...new Set([...labels.slice(0, 1), ...subjects, ...onFrontier, ...byAccuracy])].slice(
    0,
    mostColours,
  );
  const chosen = labels.filter((label) => wanted.includes(label));
  return {
    ...colorScale(labels),
    range: labels.map((label) => palette[chosen.indexOf(label)] ?? plainColour),
  };
}

const bestOf = ({ curves }: ComputeSummary): number =>
  Math.max(...curves.flatMap(({ points }) => points.map(({ estimate }) => estimate.value)));
