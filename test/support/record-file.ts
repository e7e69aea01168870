import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import type { RecordCase } from "./record-cases.ts";

/** Set to write the records anew instead of comparing with them. */
const isWriting = process.env.METROPOLIS_TEST_WRITE_RECORDS !== undefined;

/**
 * Answers by the names of their cases, in a file with a line for each. Fractions are kept to so many digits after the
 * point, and may differ by ten units of the last: sums may be taken in another order, and another CPU rounds otherwise.
 * Whole numbers and texts may not.
 */
export class RecordFile {
  readonly #path: URL;
  readonly #digits: number;
  readonly #names: readonly string[];
  readonly #records: Map<string, unknown>;

  /** @throws when a case has no record, or a record no case */
  constructor(file: string, digits: number, cases: readonly RecordCase[]) {
    this.#path = new URL(`../fixtures/records/${file}.json`, import.meta.url);
    this.#digits = digits;
    this.#names = cases.map(({ name }) => name);
    const isThere = !isWriting || existsSync(this.#path);
    const text = isThere ? readFileSync(this.#path, "utf8") : "{}";
    this.#records = new Map<string, unknown>(Object.entries(JSON.parse(text) as object));
    if (!isWriting) expect([...this.#records.keys()], `records of ${file}`).toEqual(this.#names);
  }

  check(name: string, answer: unknown): void {
    if (isWriting) this.#records.set(name, round(answer, this.#digits));
    this.compare(name, answer);
  }

  /** @param partOf what of answer and record is compared; everything when left out */
  compare(name: string, answer: unknown, partOf: (answer: unknown) => unknown = (all) => all): void {
    const record = partOf(this.#records.get(name));
    expect(snap(partOf(answer), record, 10 ** (1 - this.#digits)), name).toEqual(record);
  }

  /** Writes what was checked, when that is asked for. */
  close(): void {
    if (!isWriting) return;
    const lines = this.#names
      .filter((name) => this.#records.has(name))
      .map((name) => `${JSON.stringify(name)}:${JSON.stringify(this.#records.get(name))}`);
    writeFileSync(this.#path, `{\n${lines.join(",\n")}\n}\n`);
  }
}

/** What JSON would carry of an answer, its fractions rounded. */
const round = (answer: unknown, digits: number): unknown =>
  JSON.parse(JSON.stringify(answer), (_, value: unknown) =>
    typeof value === "number" ? Number(value.toFixed(digits)) : value,
  );

/** The answer with the record's own numbers where they are near, so that a comparison shows only what is not. */
function snap(answer: unknown, record: unknown, tolerance: number): unknown {
  if (typeof answer === "number" && typeof record === "number") {
    if (Number.isInteger(answer) && Number.isInteger(record)) return answer;
    return Math.abs(answer - record) <= tolerance * Math.max(1, Math.abs(record)) ? record : answer;
  }
  if (typeof answer !== "object" || answer === null) return answer;
  const place = (key: string | number): unknown =>
    (record as Record<string | number, unknown> | null | undefined)?.[key];
  if (Array.isArray(answer)) return answer.map((value, index) => snap(value, place(index), tolerance));
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]) => [key, snap(value, place(key), tolerance)]),
  );
}
