import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { EventOf } from "../../src/client/client.ts";
import { byId, colorOf, format } from "./dom.ts";

const height = 150;

/** Steps so far by what became of their proposals. */
export interface OutcomeCounts {
  readonly moved: number;
  readonly unchanged: number;
  readonly rejected: number;
}

const noOutcomes: OutcomeCounts = { moved: 0, unchanged: 0, rejected: 0 };

interface Step {
  readonly logprob: number;
  readonly outcome: EventOf<"decision">["outcome"];
}

/** log p of a chain, and what became of its proposals, step by step. */
export class ChainCharts {
  readonly #steps: number[] = [];
  readonly #logprobs: number[] = [];
  readonly #moved: (number | null)[] = [];
  readonly #rejected: (number | null)[] = [];
  readonly #share: number[] = [];
  #counts: OutcomeCounts = noOutcomes;
  #isStale = false;
  readonly #logprobChart = createChart(byId("chart-logprob"), [{ label: "log p", ...line("--accent") }]);
  readonly #outcomeChart = createChart(
    byId("chart-outcomes"),
    [
      { label: "share that moved", ...line("--muted") },
      { label: "moved", ...dots("--good") },
      { label: "rejected", ...dots("--bad") },
    ],
    [-0.08, 1.08],
  );

  constructor() {
    const charts = [this.#logprobChart, this.#outcomeChart];
    new ResizeObserver(() => {
      for (const chart of charts) {
        const { clientWidth } = chart.root.parentElement!;
        if (clientWidth > 0 && clientWidth !== chart.width) chart.setSize({ width: clientWidth, height });
      }
    }).observe(byId("watch"));
    // Colours are the theme's.
    const redraw = (): void => {
      for (const chart of charts) chart.redraw(true, true);
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  get counts(): OutcomeCounts {
    return this.#counts;
  }

  get steps(): number {
    return this.#steps.length;
  }

  clear(): void {
    for (const list of [this.#steps, this.#logprobs, this.#moved, this.#rejected, this.#share])
      list.length = 0;
    this.#counts = noOutcomes;
    this.#draw();
  }

  add({ logprob, outcome }: Step): void {
    const kind = outcome === "accepted" ? "moved" : outcome === "unchanged" ? "unchanged" : "rejected";
    this.#counts = { ...this.#counts, [kind]: this.#counts[kind] + 1 };
    this.#steps.push(this.#steps.length + 1);
    this.#logprobs.push(logprob);
    this.#moved.push(kind === "moved" ? 1 : null);
    this.#rejected.push(kind === "rejected" ? 0 : null);
    this.#share.push(this.#counts.moved / this.steps);
    if (this.#isStale) return;
    this.#isStale = true;
    requestAnimationFrame(() => {
      this.#draw();
    });
  }

  #draw(): void {
    this.#isStale = false;
    this.#logprobChart.setData([this.#steps, this.#logprobs]);
    this.#outcomeChart.setData([this.#steps, this.#share, this.#moved, this.#rejected]);
    const last = this.#logprobs.at(-1);
    byId("chart-logprob").setAttribute(
      "aria-label",
      last === undefined
        ? "log p of the state by step"
        : `log p of the state by step: ${format(this.#logprobs[0]!)} at first, ${format(last)} after ${this.steps} steps`,
    );
    const { moved, unchanged, rejected } = this.#counts;
    byId("chart-outcomes").setAttribute(
      "aria-label",
      this.steps === 0
        ? "What became of the proposals, by step"
        : `What became of the proposals, by step: ${moved} moved, ${unchanged} unchanged, ${rejected} rejected so far`,
    );
  }
}

const line = (color: string): uPlot.Series => ({
  stroke: () => colorOf(color),
  width: 2,
  // However few steps there are: the dots of the other series mean something.
  points: { show: false },
});

const dots = (color: string): uPlot.Series => ({
  stroke: () => colorOf(color),
  paths: () => null,
  points: { show: true, size: 5, fill: () => colorOf(color) },
});

function createChart(container: HTMLElement, series: uPlot.Series[], range?: [number, number]): uPlot {
  const axis: uPlot.Axis = {
    stroke: () => colorOf("--muted"),
    grid: { stroke: () => colorOf("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return new uPlot(
    {
      width: Math.max(200, container.clientWidth),
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: range === undefined ? {} : { range } },
      axes: [
        { ...axis, space: 60 },
        { ...axis, size: 44 },
      ],
      series: [{}, ...series],
    },
    [[], ...series.map(() => [])],
    container,
  );
}
