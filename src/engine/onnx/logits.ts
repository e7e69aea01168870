import type { LogitsView } from "../runner.ts";
import type { FloatType } from "./decoder-graph.ts";
import { widenFloat16 } from "./float16.ts";
import { elementTypes } from "./ort/element-type.ts";
import { HostTensor } from "./ort/tensor.ts";

/** Room for the logits of the largest pass, [tokens, vocabularySize]; every pass writes from its start. */
export class Logits implements Disposable {
  readonly #tensor: HostTensor;
  readonly #size: number;
  /** Where halves are widened to; float32 logits are looked at where they stand. */
  readonly #widened: Float32Array | undefined;

  constructor(type: FloatType, tokens: number, vocabularySize: number) {
    this.#tensor = HostTensor.zeros(type, [tokens, vocabularySize]);
    this.#size = vocabularySize;
    this.#widened = type === "float16" ? new Float32Array(tokens * vocabularySize) : undefined;
  }

  /** The tensor [rows, rowTokens, vocabularySize] that a graph writes, from the given token on. */
  tensor(firstToken: number, rows: number, rowTokens: number): HostTensor {
    const tokenBytes = this.#size * elementTypes[this.#tensor.type].bytes;
    return HostTensor.over(this.#tensor, firstToken * tokenBytes, [rows, rowTokens, this.#size]);
  }

  view(rows: number, rowTokens: number): LogitsView {
    return {
      row: (row, index = rowTokens - 1) => {
        if (row < 0 || row >= rows || index < 0 || index >= rowTokens) {
          throw new RangeError(`the pass has no logits for token ${index} of row ${row}`);
        }
        return this.#at(row * rowTokens + index);
      },
    };
  }

  [Symbol.dispose](): void {
    this.#tensor[Symbol.dispose]();
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
