import { get } from "node:http";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";

/** A server's /metrics at a moment, asked for over a connection of its own. */
export class ServedMetrics {
  readonly #values: ReadonlyMap<string, number>;

  private constructor(values: ReadonlyMap<string, number>) {
    this.#values = values;
  }

  static async read(url: string, timeoutMs = 120_000): Promise<ServedMetrics> {
    const signal = AbortSignal.timeout(timeoutMs);
    const reply = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/metrics`, { agent: false, signal }, resolve).on("error", reject);
    });
    const lines = (await text(reply)).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new ServedMetrics(
      new Map(
        lines.map((line) => {
          const end = line.lastIndexOf(" ");
          return [line.slice(0, end), Number(line.slice(end + 1))];
        }),
      ),
    );
  }

  /** @param name with its labels. @returns NaN for what the server does not tell */
  value(name: string): number {
    return this.#values.get(name) ?? NaN;
  }

  /** Over all labels. */
  sum(name: string): number {
    const values = [...this.#values].filter(([key]) => key === name || key.startsWith(`${name}{`));
    return values.length === 0 ? NaN : values.reduce((sum, [, value]) => sum + value, 0);
  }

  /** The process's own, which builds before 2026-11-28 had under our prefix. */
  ofProcess(name: string): number {
    return this.#values.get(name) ?? this.value(`metropolis:${name}`);
  }

  /** Of the thread that speaks HTTP, since the metrics were last read; the timer that measures it is on every 10 ms. */
  get delayMs(): {
    readonly mean: number;
    readonly p50: number;
    readonly p99: number;
    readonly worst: number;
  } {
    const ms = (what: string): number => 1000 * this.ofProcess(`nodejs_eventloop_lag_${what}_seconds`);
    return { mean: ms("mean"), p50: ms("p50"), p99: ms("p99"), worst: ms("max") };
  }
}
