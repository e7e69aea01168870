import type { Connection } from "./connection.ts";
import { byId, element, format } from "./dom.ts";
import type { SettingsForm } from "./settings-form.ts";

/** How often n independent answers agree. */
export class HistogramView {
  #texts: readonly string[] = [];
  /** What else there is to say of them. */
  #remark = "";

  constructor() {
    byId("grouping").addEventListener("change", () => {
      this.#show();
    });
  }

  async run(connection: Connection, form: SettingsForm, signal: AbortSignal): Promise<void> {
    const n = byId<HTMLInputElement>("chains").valueAsNumber;
    const summary = byId("histogram-summary");
    const { textContent: former } = summary;
    summary.textContent = `Drawing ${n} answers…`;
    const { choices } = await connection.client
      .complete({ ...form.request(), n }, { signal })
      .catch((error: unknown) => {
        summary.textContent = former;
        throw error;
      });
    this.#texts = choices.map(({ text }) => text);
    const inPlace = choices.filter(({ exact }) => exact?.exact === false).length;
    this.#remark =
      inPlace === 0 ? "" : ` ${n - inPlace} are exact draws; chains answered in place of the others.`;
    this.#show();
  }

  #show(): void {
    if (this.#texts.length === 0) return;
    const groupOf = byId<HTMLSelectElement>("grouping").value === "number" ? lastNumber : whole;
    const counts = new Map<string, number>();
    for (const text of this.#texts) {
      const group = groupOf(text);
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    const bars = [...counts].sort((a, b) => b[1] - a[1]);
    const [answer, most] = bars[0]!;
    byId("histogram-summary").textContent =
      `${bars.length} different answers of ${this.#texts.length}; the most frequent, ${answer}, is ${format((100 * most) / this.#texts.length, 0)} %.${this.#remark}`;
    byId("bars").replaceChildren(...bars.map(([group, count]) => bar(group, count, most)));
  }
}

const whole = (text: string): string => text.trim();
const lastNumber = (text: string): string => /-?\d+(?:\.\d+)?(?!.*\d)/s.exec(text)?.[0] ?? "no number";

function bar(group: string, count: number, most: number): HTMLElement {
  const fill = element("span", "fill");
  fill.style.inlineSize = `${(100 * count) / most}%`;
  return element(
    "li",
    "",
    element("span", "group", group),
    element("span", "track", fill),
    element("span", "count", String(count)),
  );
}
