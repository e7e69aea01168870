import * as Plot from "@observablehq/plot";
import type { GroupKnowledge } from "../likelihood/knowledge.ts";
import { signalNames } from "../likelihood/words.ts";
import { colorScale, drawChart, labelSpace } from "./chart.ts";

/** Areas under the ROC curve with their intervals, beside that of a coin. @returns nothing where none can be asked */
export function drawSignals(all: readonly GroupKnowledge[]): string | undefined {
  const rows = all.flatMap(({ label, knowledge }) =>
    knowledge
      .filter(({ verdict }) => verdict !== "unasked")
      .map(({ signal, area }) => ({ label, signal: signalNames[signal], ...area })),
  );
  if (rows.length === 0) return undefined;
  const labels = [...new Set(rows.map(({ label }) => label))];
  const names = [...new Set(rows.map(({ signal }) => signal))];
  const place = { fy: "label", y: "signal" };
  return drawChart({
    marks: [
      Plot.ruleX([0.5], { strokeDasharray: "4 3", strokeOpacity: 0.6 }),
      Plot.ruleY(
        rows.filter(({ low }) => !Number.isNaN(low)),
        { ...place, x1: "low", x2: "high", stroke: "signal", strokeWidth: 2 },
      ),
      Plot.dot(rows, { ...place, x: "value", fill: "signal", r: 4 }),
    ],
    x: { label: "how often the right answer scores higher (AUC)", domain: [0, 1], grid: true },
    y: { axis: null, domain: names },
    fy: { axis: "left", label: null, domain: labels, padding: 0.2 },
    color: colorScale(names),
    marginLeft: labelSpace(labels),
    height: 60 + (14 * names.length + 8) * labels.length,
  });
}
