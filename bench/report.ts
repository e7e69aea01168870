import { cpus, totalmem } from "node:os";

/** What the numbers were taken on; they mean little elsewhere. */
export function describeMachine(): string {
  const [cpu] = cpus();
  return `${cpus().length} x ${cpu?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log([line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n"));
}

/** A row more of the table that was printed last. */
export const printRow = (cells: readonly string[]): void => {
  console.log(line(cells));
};

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds of one run of the work, over so many. */
export async function timeMs(work: () => Promise<unknown>, repeats = 1): Promise<number> {
  const start = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) await work();
  return (performance.now() - start) / repeats;
}

/** Seconds that the work took. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The least value that this share of the values does not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
