import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { byId, colorOf, format } from "./dom.ts";

const height = 150;

interface Step {
  readonly logprob: number;
  readonly isAccepted: boolean;
  /** Whether the proposal was another completion. */
  readonly isChange: boolean;
}

/** log p and acceptance of a chain, step by step. */
export class ChainCharts {
  readonly #steps: number[] = [];
  readonly #logprobs: number[] = [];
  readonly #accepted: (number | null)[] = [];
  readonly #rejected: (number | null)[] = [];
  readonly #share: number[] = [];
  #acceptedCount = 0;
  #isStale = false;
  readonly #logprobChart = createChart(byId("chart-logprob"), [{ label: "log p", ...line("--accent") }]);
  readonly #acceptanceChart = createChart(
    byId("chart-acceptance"),
    [
      { label: "share accepted", ...line("--muted") },
      { label: "accepted", ...dots("--good") },
      { label: "rejected", ...dots("--bad") },
    ],
    [-0.08, 1.08],
  );

  constructor() {
    const charts = [this.#logprobChart, this.#acceptanceChart];
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

  get acceptance(): number {
    return this.#steps.length === 0 ? NaN : this.#acceptedCount / this.#steps.length;
  }

  get steps(): number {
    return this.#steps.length;
  }

  clear(): void {
    for (const list of [this.#steps, this.#logprobs, this.#accepted, this.#rejected, this.#share])
      list.length = 0;
    this.#acceptedCount = 0;
    this.#draw();
  }

  add({ logprob, isAccepted, isChange }: Step): void {
    if (isAccepted) this.#acceptedCount++;
    this.#steps.push(this.#steps.length + 1);
    this.#logprobs.push(logprob);
    this.#accepted.push(isAccepted && isChange ? 1 : null);
    this.#rejected.push(isAccepted ? null : 0);
    this.#share.push(this.acceptance);
    if (this.#isStale) return;
    this.#isStale = true;
    requestAnimationFrame(() => {
      this.#draw();
    });
  }

  #draw(): void {
    this.#isStale = false;
    this.#logprobChart.setData([this.#steps, this.#logprobs]);
    this.#acceptanceChart.setData([this.#steps, this.#share, this.#accepted, this.#rejected]);
    const last = this.#logprobs.at(-1);
    byId("chart-logprob").setAttribute(
      "aria-label",
      last === undefined
        ? "log p of the state by step"
        : `log p of the state by step: ${format(this.#logprobs[0]!)} at first, ${format(last)} after ${this.steps} steps`,
    );
    byId("chart-acceptance").setAttribute(
      "aria-label",
      this.steps === 0
        ? "Acceptance by step"
        : `Acceptance by step: ${format(100 * this.acceptance, 0)} % so far`,
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
