import type { Batch } from "../local/runner.ts";
import type { LiveCache } from "./cache/live-cache.ts";
import type { Logits } from "./logits/logits.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import { HostTensor } from "./ort/tensor.ts";
import type { Tensor } from "./ort/tensor.ts";
import type { Session } from "./ort/session.ts";
import { firstLogit as firstLogitInput } from "./graphs/decoder-graph.ts";
import type { DecoderGraph } from "./graphs/decoder-graph.ts";
import { RepeatedRun } from "./repeated-run.ts";

/** What passes of one runner share: the graph and the memory it works on. */
export interface PassContext {
  readonly session: Session;
  readonly graph: DecoderGraph;
  readonly cache: LiveCache;
  readonly logits: Logits;
}

export interface PassShape {
  /** Of the cache. */
  readonly firstRow: number;
  readonly rows: number;
  readonly rowTokens: number;
  readonly maskWidth: number;
  /** The first token of each row that has logits. */
  readonly firstLogit: number;
}

/**
 * Masks are made a multiple of this many tokens wide, so that a binding serves as many passes. One width for
 * all, the capacity, costs a large batch of a small model half as much again (16 rows, capacity 2048, 3 layers
 * of width 96: 0.41 ms instead of 0.27 ms): the mask is written and summed in every pass.
 */
const maskStep = 64;

/** Which token of its rows is the first that a pass of a graph computes logits of: the first measured, or the last. */
function firstLogitOf(batch: Batch, { takesFirstLogit }: DecoderGraph): number {
  if (!takesFirstLogit) return 0;
  return Math.min(
    ...batch.map(({ tokens, measuredFrom = Infinity }) => Math.min(measuredFrom, tokens.length - 1)),
  );
}

/** The shape of a batch that stands in the cache from the given row on. */
export function shapeOf(batch: Batch, firstRow: number, { graph, cache }: PassContext): PassShape {
  const { capacity } = cache.memory;
  const longest = Math.max(...batch.map(({ position, tokens }) => position + tokens.length));
  return {
    firstRow,
    rows: batch.length,
    rowTokens: batch[0]!.tokens.length,
    maskWidth: Math.min(capacity, Math.ceil(longest / maskStep) * maskStep),
    firstLogit: firstLogitOf(batch, graph),
  };
}

/** The tensors of a pass, bound; only the contents of the small inputs change from pass to pass. */
export class BoundPass implements Disposable {
  readonly binding: IoBinding;
  /** The first token of each row that has logits. */
  readonly firstLogit: number;
  readonly #run: RepeatedRun;
  readonly #ids: HostTensor;
  readonly #mask: HostTensor;
  /** Ones at the start of each row of the mask: from pass to pass a row gains one, or is another lane's. */
  readonly #maskEnds: Uint32Array;
  readonly #positions: HostTensor | undefined;
  readonly #firstLogit: HostTensor | undefined;
  readonly #logits: Tensor;
  /** The rows of the pass in every plane. */
  readonly #planes: readonly Tensor[];

  constructor({ session, graph, cache, logits }: PassContext, shape: PassShape) {
    const { firstRow, rows, rowTokens, maskWidth } = shape;
    this.firstLogit = shape.firstLogit;
    this.#ids = HostTensor.zeros("int64", [rows, rowTokens]);
    this.#mask = HostTensor.zeros("int64", [rows, maskWidth]);
    this.#maskEnds = new Uint32Array(rows);
    this.#positions = graph.takesPositions ? HostTensor.zeros("int64", [rows, rowTokens]) : undefined;
    this.#firstLogit = graph.takesFirstLogit ? HostTensor.integers([this.firstLogit]) : undefined;
    this.#logits = logits.tensor(0, rows, rowTokens - this.firstLogit);
    this.#planes = cache.rows({ first: firstRow, count: rows });
    this.binding = session.createBinding();
    this.#run = new RepeatedRun(session, this.binding);
    this.binding.bindOutput("logits", this.#logits);
    for (const [index, { past, present }] of graph.planes.entries()) {
      this.binding.bindInput(past, this.#planes[index]!);
      this.binding.bindOutput(present, this.#planes[index]!);
    }
    this.bindInputs();
  }

  /** Binds ids, mask and positions; to a device other than the CPU their contents go now. */
  bindInputs(): void {
    this.binding.bindInput("input_ids", this.#ids);
    this.binding.bindInput("attention_mask", this.#mask);
    if (this.#positions !== undefined) this.binding.bindInput("position_ids", this.#positions);
    if (this.#firstLogit !== undefined) this.binding.bindInput(firstLogitInput, this.#firstLogit);
  }

  run(): Promise<void> {
    return this.#run.run();
  }

  /** Writes ids, positions and the mask: a row's valid tokens are ones, the padding to their right zeros. */
  fill(batch: Batch): void {
    const ids = this.#ids.asBigInt64();
    const positions = this.#positions?.asBigInt64();
    const mask = this.#mask.asBigInt64();
    const maskWidth = mask.length / batch.length;
    let next = 0;
    for (const [row, { tokens, position }] of batch.entries()) {
      for (const [index, token] of tokens.entries()) {
        ids[next] = BigInt(token);
        if (positions !== undefined) positions[next] = BigInt(position + index);
        next++;
      }
      const start = row * maskWidth;
      const [before, end] = [this.#maskEnds[row]!, position + tokens.length];
      if (before < end) mask.fill(1n, start + before, start + end);
      else mask.fill(0n, start + end, start + before);
      this.#maskEnds[row] = end;
    }
  }

  [Symbol.dispose](): void {
    this.binding[Symbol.dispose]();
    const small = [this.#ids, this.#mask, this.#positions, this.#firstLogit];
    for (const tensor of [...small, this.#logits, ...this.#planes]) {
      tensor?.[Symbol.dispose]();
    }
  }
}
