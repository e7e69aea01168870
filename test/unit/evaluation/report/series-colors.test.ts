import { expect, it } from "vitest";
import type { EqualCompute } from "../../../../src/evaluation/analysis.ts";
import { plainColour, seriesColors } from "../../../../src/evaluation/report/series-colors.ts";

/** Of so many configurations, each more accurate than those before it. */
function computeOf(labels: readonly string[]): EqualCompute {
  const configurations = labels.map((label, index) => ({
    label,
    costs: { evaluated: null, drawn: null, seconds: null },
    curves: [
      { rule: "vote" as const, points: [{ k: 1, estimate: { value: index, low: index, high: index } }] },
    ],
    ceiling: [],
  }));
  return { configurations, matched: {}, frontiers: { evaluated: [], drawn: [], seconds: [] } };
}

it("colours as many as can be told apart: the first, those that the page is about, the best", () => {
  const labels = Array.from({ length: 12 }, (_, index) => `configuration ${index}`);
  const colouredOf = (subjects?: readonly string[]): string[] => {
    const { domain, range } = seriesColors(computeOf(labels), subjects);
    return domain.filter((_, index) => range[index] !== plainColour);
  };
  expect(colouredOf()).toEqual([labels[0], ...labels.slice(5)]);
  expect(colouredOf(["configuration 2"])).toEqual([labels[0], labels[2], ...labels.slice(6)]);
});
