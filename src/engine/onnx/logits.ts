import { measure } from "../../core/measure.ts";
import type { Batch, LogitsView } from "../runner.ts";
import type { FloatType } from "./decoder-graph.ts";
import { widenFloat16 } from "./float16.ts";
import { elementTypes } from "./ort/element-type.ts";
import { HostTensor } from "./ort/tensor.ts";
import { RowMeasurer } from "./row-measurer.ts";

export interface LogitsOptions {
  readonly type: FloatType;
  /** Of the largest pass. */
  readonly tokens: number;
  readonly vocabularySize: number;
  /** Native threads for measuring them. */
  readonly threads: number;
}

/**
 * Vocabularies from this size on are measured by a graph. Below, its call costs more than a loop in JavaScript takes
 * (docs/benchmarks.md, sampling).
 */
export const leastMeasuredVocabulary = 2048;

/** Room for the logits of the largest pass, [tokens, vocabularySize]; every pass writes from its start. */
export class Logits implements Disposable {
  readonly #tensor: HostTensor;
  readonly #size: number;
  /** Where halves are widened to; float32 logits are looked at where they stand. */
  readonly #widened: Float32Array | undefined;
  readonly #measurer: RowMeasurer | undefined;

  constructor({ type, tokens, vocabularySize, threads }: LogitsOptions) {
    this.#tensor = HostTensor.zeros(type, [tokens, vocabularySize]);
    this.#size = vocabularySize;
    this.#widened = type === "float16" ? new Float32Array(tokens * vocabularySize) : undefined;
    if (vocabularySize >= leastMeasuredVocabulary) {
      const logits = (first: number, count: number): HostTensor => this.#over(first, [count, vocabularySize]);
      this.#measurer = new RowMeasurer({ type, vocabularySize, rows: tokens, threads, logits });
    }
  }

  /** The tensor [rows, rowTokens, vocabularySize] that a graph writes, from the given token on. */
  tensor(firstToken: number, rows: number, rowTokens: number): HostTensor {
    return this.#over(firstToken, [rows, rowTokens, this.#size]);
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
      row: (row, index = rowTokens - 1) => this.#at(place(row, index)),
      distribution: (row, index, inverseTemperature) => {
        const token = place(row, index);
        const readLogits = (): Float32Array => this.#at(token);
        return (
          this.#measurer?.distribution(token, inverseTemperature, readLogits) ??
          measure(readLogits(), inverseTemperature)
        );
      },
    };
  }

  [Symbol.dispose](): void {
    this.#measurer?.[Symbol.dispose]();
    this.#tensor[Symbol.dispose]();
  }

  #over(firstToken: number, shape: readonly number[]): HostTensor {
    const tokenBytes = this.#size * elementTypes[this.#tensor.type].bytes;
    return HostTensor.over(this.#tensor, firstToken * tokenBytes, shape);
  }

  #at(token: number): Float32Array {
    const start = token * this.#size;
    const end = start + this.#size;
    if (this.#widened === undefined) return this.#tensor.asFloat32().subarray(start, end);
    const target = this.#widened.subarray(start, end);
    widenFloat16(this.#tensor.asUint16().subarray(start, end), target);
    return target;
  }
}
