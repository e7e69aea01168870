import { measure } from "../../../sampling/measure.ts";
import type { Batch, LogitsView } from "../../local/runner.ts";
import { DeviceLogitsMemory, HostLogitsMemory } from "./logits-memory.ts";
import type { LogitsMemory, LogitsSize } from "./logits-memory.ts";
import type { Session } from "../ort/session.ts";
import type { Tensor } from "../ort/tensor.ts";
import { RowMeasurer } from "./row-measurer.ts";

/**
 * Vocabularies from this size on are measured by a graph. Below, its call costs more than a loop in JavaScript takes
 * (docs/benchmarks.md, sampling).
 */
export const leastMeasuredVocabulary = 2048;

/** Where logits are measured: small ones are sooner brought to the host than their measures. */
export function openLogitsMemory(session: Session, size: LogitsSize): LogitsMemory {
  const isOnHost = session.device === "cpu" || size.vocabularySize < leastMeasuredVocabulary;
  return isOnHost ? new HostLogitsMemory(size) : new DeviceLogitsMemory(session, size);
}

/** The logits of a pass, which every pass writes from the start, and what was measured of them. */
export class Logits implements Disposable {
  readonly #memory: LogitsMemory;
  readonly #measurer: RowMeasurer | undefined;

  /**
   * Takes the memory over.
   * @param threads native threads for measuring
   */
  constructor(memory: LogitsMemory, threads: number) {
    this.#memory = memory;
    if (memory.size.vocabularySize >= leastMeasuredVocabulary)
      this.#measurer = new RowMeasurer(memory, threads);
  }

  /** The tensor [rows, rowTokens, vocabularySize] that a graph writes, from the given token on. */
  tensor(firstToken: number, rows: number, rowTokens: number): Tensor {
    return this.#memory.tensor(firstToken, [rows, rowTokens, this.#memory.size.vocabularySize]);
  }

  /** Measures what the batch says will be asked for. The pass has written its logits, and the next must wait. */
  async measure(batch: Batch): Promise<void> {
    const { measuredFrom, tokens, inverseTemperature } = batch[0]!;
    if (batch.length === 1) {
      const count = tokens.length - (measuredFrom ?? tokens.length);
      if (count > 0) await this.#measurer?.measure(measuredFrom!, Array(count).fill(inverseTemperature));
    } else if (batch.some((row) => row.measuredFrom === 0)) {
      await this.#measurer?.measure(
        0,
        batch.map((row) => row.inverseTemperature ?? 1),
      );
    }
  }

  view(rows: number, rowTokens: number): LogitsView {
    const place = (row: number, index: number): number => {
      if (row < 0 || row >= rows || index < 0 || index >= rowTokens) {
        throw new RangeError(`the pass has no logits for token ${index} of row ${row}`);
      }
      return row * rowTokens + index;
    };
    return {
      row: (row, index = rowTokens - 1) => this.#memory.read(place(row, index)),
      distribution: (row, index, inverseTemperature) => {
        const token = place(row, index);
        const readLogits = (): Float32Array => this.#memory.read(token);
        return (
          this.#measurer?.distribution(token, inverseTemperature, readLogits) ??
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
