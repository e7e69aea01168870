import type { Batch } from "../runner.ts";
import type { Logits } from "./logits.ts";
import { byteLength, HostTensor } from "./ort/tensor.ts";
import type { Session } from "./ort/session.ts";
import type { DecoderGraph } from "./decoder-graph.ts";

/** What passes of one runner share: the graph and the memory it works on. */
export interface PassContext {
  readonly session: Session;
  readonly graph: DecoderGraph;
  /** [lanes, kvHeads, capacity, headDim] each, in the order of the graph's planes. */
  readonly cache: readonly HostTensor[];
  readonly logits: Logits;
  readonly capacity: number;
}

export interface PassShape {
  readonly firstLane: number;
  readonly rows: number;
  readonly rowTokens: number;
  readonly maskWidth: number;
}

/**
 * Masks are made a multiple of this many tokens wide, so that a binding serves as many passes. One width for
 * all, the capacity, costs a large batch of a small model half as much again (16 rows, capacity 2048, 3 layers
 * of width 96: 0.41 ms instead of 0.27 ms): the mask is written and summed in every pass.
 */
const maskStep = 64;

/** The shape of a batch and its place in the cache. */
export function shapeOf(batch: Batch, capacity: number): PassShape {
  const longest = Math.max(...batch.map(({ position, tokens }) => position + tokens.length));
  return {
    firstLane: batch[0]!.lane,
    rows: batch.length,
    rowTokens: batch[0]!.tokens.length,
    maskWidth: Math.min(capacity, Math.ceil(longest / maskStep) * maskStep),
  };
}

/** The tensors of a pass, bound; only the contents of the small inputs change from pass to pass. */
export class BoundPass implements Disposable {
  /** How long the last run took, ms; infinite before the first. */
  durationMs = Infinity;
  readonly binding;
  readonly #graph: DecoderGraph;
  readonly #ids: HostTensor;
  readonly #mask: HostTensor;
  readonly #positions: HostTensor | undefined;
  readonly #logits: HostTensor;
  /** The lanes of the pass in every plane, from the first lane on. */
  readonly #planes: readonly HostTensor[];

  constructor({ session, graph, cache, logits, capacity }: PassContext, shape: PassShape) {
    const { firstLane, rows, rowTokens, maskWidth } = shape;
    const { kvHeads, headDim, cacheType, takesPositions } = graph;
    const laneBytes = byteLength(cacheType, [kvHeads, capacity, headDim]);
    this.#graph = graph;
    this.#ids = HostTensor.zeros("int64", [rows, rowTokens]);
    this.#mask = HostTensor.zeros("int64", [rows, maskWidth]);
    this.#positions = takesPositions ? HostTensor.zeros("int64", [rows, rowTokens]) : undefined;
    this.#logits = logits.tensor(0, rows, rowTokens);
    this.#planes = cache.map((plane) =>
      HostTensor.over(plane, firstLane * laneBytes, [rows, kvHeads, capacity, headDim]),
    );
    this.binding = session.createBinding();
    this.bind();
  }

  /** Binds every tensor. On a device other than the CPU this is when the inputs are copied there. */
  bind(): void {
    const { binding } = this;
    binding.clear();
    binding.bindInput("input_ids", this.#ids);
    binding.bindInput("attention_mask", this.#mask);
    if (this.#positions !== undefined) binding.bindInput("position_ids", this.#positions);
    binding.bindOutput("logits", this.#logits);
    for (const [index, { past, present }] of this.#graph.planes.entries()) {
      binding.bindInput(past, this.#planes[index]!);
      binding.bindOutput(present, this.#planes[index]!);
    }
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
      const end = start + position + tokens.length;
      mask.fill(1n, start, end);
      mask.fill(0n, end, start + maskWidth);
    }
  }

  [Symbol.dispose](): void {
    this.binding[Symbol.dispose]();
    for (const tensor of [this.#ids, this.#mask, this.#positions, this.#logits, ...this.#planes]) {
      tensor?.[Symbol.dispose]();
    }
  }
}
