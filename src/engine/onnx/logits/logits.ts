import { measure } from "../../../sampling/measure.ts";
import type { Batch, BatchRow, LogitsView } from "../../local/runner.ts";
import { DeviceLogitsMemory, HostLogitsMemory } from "./logits-memory.ts";
import type { LogitsMemory, LogitsSize } from "./logits-memory.ts";
import type { Session, Threading } from "../ort/session.ts";
import type { Tensor } from "../ort/tensor.ts";
import { RowMeasurer } from "./row-measurer.ts";

/**
 * Vocabularies from this size on are measured by a graph. Below, its call costs more than a loop in JavaScript takes
 * (docs/benchmarks.md, sampling).
 */
export const leastMeasuredVocabulary = 2048;

/** Where logits are measured: those of a small vocabulary are sooner brought to the host than measured on a device. */
export function openLogitsMemory(session: Session, size: LogitsSize): LogitsMemory {
  const isOnHost = session.device === "cpu" || size.vocabularySize < leastMeasuredVocabulary;
  return isOnHost ? new HostLogitsMemory(size) : new DeviceLogitsMemory(session, size);
}

/** Consecutive tokens that are measured together, each at its 1/τ. */
interface MeasuredRange {
  /** Its place among the logits. */
  readonly first: number;
  readonly inverseTemperatures: number[];
}

/** Where the logits of a row stand: those of its token `first` at `place`, and of the later ones behind it. */
export interface LogitsSpan {
  readonly place: number;
  readonly first: number;
}

/** Rows of a pass, and where the logits of each stand, one row's behind another's. */
export interface LogitsLayout {
  readonly rows: Batch;
  readonly spans: readonly LogitsSpan[];
}

/** The logits of a pass, which every pass writes from the start, and what was measured of them. */
export class Logits implements Disposable {
  readonly #memory: LogitsMemory;
  readonly #measurer: RowMeasurer | undefined;

  /**
   * Takes the memory over.
   * @param threading of a measuring run
   */
  constructor(memory: LogitsMemory, threading: Threading) {
    this.#memory = memory;
    if (memory.size.vocabularySize >= leastMeasuredVocabulary)
      this.#measurer = new RowMeasurer(memory, threading);
  }

  /** The tensor [rows, rowLogits, vocabularySize] that a graph writes, from the given place on. */
  tensor(first: number, rows: number, rowLogits: number): Tensor {
    return this.#memory.tensor(first, [rows, rowLogits, this.#memory.size.vocabularySize]);
  }

  /** Measures what the rows say will be asked for. The pass has written their logits, and the next must wait. */
  async measure(layout: LogitsLayout): Promise<void> {
    if (this.#measurer === undefined) return;
    this.#measurer.forget();
    for (const { first, inverseTemperatures } of measuredRanges(layout)) {
      await this.#measurer.measure(first, inverseTemperatures);
    }
    for (const { first, count } of summedRanges(layout)) await this.#measurer.sum(first, count);
  }

  /**
   * @param order which of them each row of the view is; in the same order when left out
   */
  view({ rows, spans }: LogitsLayout, order: readonly number[] = [...rows.keys()]): LogitsView {
    const placeOf = (row: number, index: number | undefined): number => {
      const at = order[row] ?? -1;
      const count = rows[at]?.tokens.length ?? 0;
      const token = index ?? count - 1;
      const { place, first } = spans[at] ?? { place: 0, first: 0 };
      if (token >= first && token < count) return place + token - first;
      throw new RangeError(`the pass has no logits for token ${token} of row ${row}`);
    };
    return {
      row: (row, index) => this.#memory.read(placeOf(row, index)),
      distribution: (row, index, inverseTemperature) => {
        const at = placeOf(row, index);
        const readLogits = (): Float32Array => this.#memory.read(at);
        return (
          this.#measurer?.distribution(at, inverseTemperature, readLogits) ??
          measure(readLogits(), inverseTemperature)
        );
      },
    };
  }

  [Symbol.dispose](): void {
    this.#measurer?.[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }
}

/**
 * What is to be measured, as few ranges as there are gaps. Rows of one token go together: passes that decode repeat a
 * shape.
 */
function measuredRanges({ rows, spans }: LogitsLayout): readonly MeasuredRange[] {
  const isShort = ({ tokens }: BatchRow): boolean => tokens.length === 1;
  const areShortMeasured = rows.some((row) => isShort(row) && row.measuredFrom === 0);
  const ranges: MeasuredRange[] = [];
  let end = -1;
  for (const [index, row] of rows.entries()) {
    const { tokens, inverseTemperature = 1 } = row;
    const measuredFrom = isShort(row) && areShortMeasured ? 0 : (row.measuredFrom ?? tokens.length);
    if (measuredFrom >= tokens.length) continue;
    const start = spans[index]!.place - spans[index]!.first;
    const first = start + measuredFrom;
    const added = Array<number>(tokens.length - measuredFrom).fill(inverseTemperature);
    if (first === end) ranges.at(-1)!.inverseTemperatures.push(...added);
    else ranges.push({ first, inverseTemperatures: added });
    end = start + tokens.length;
  }
  return ranges;
}

/** The measured tokens of rows that want the sums of their logits, as few ranges as there are gaps. */
function summedRanges({ rows, spans }: LogitsLayout): readonly { readonly first: number; count: number }[] {
  const ranges: { readonly first: number; count: number }[] = [];
  for (const [index, { tokens, measuredFrom = tokens.length, wantsLogitSums }] of rows.entries()) {
    const count = tokens.length - measuredFrom;
    if (wantsLogitSums !== true || count <= 0) continue;
    const first = spans[index]!.place - spans[index]!.first + measuredFrom;
    const last = ranges.at(-1);
    if (last !== undefined && last.first + last.count === first) last.count += count;
    else ranges.push({ first, count });
  }
  return ranges;
}
