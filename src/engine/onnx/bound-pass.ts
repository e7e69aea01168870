import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch } from "../runner.ts";
import { byteLength, HostTensor } from "./ort/tensor.ts";
import type { Session } from "./ort/session.ts";
import type { SharedCacheGraph } from "./shared-cache-graph.ts";

/** What passes of one runner share: the graph and the memory it works on. */
export interface PassContext {
  readonly session: Session;
  readonly graph: SharedCacheGraph;
  /** [lanes, kvHeads, capacity, headDim] each, in the order of the graph's planes. */
  readonly cache: readonly HostTensor[];
  /** Room for the logits of the largest pass; every pass writes from its start. */
  readonly logits: HostTensor;
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

/**
 * Refuses a batch that the runner's contract excludes.
 *
 * The native side writes K/V where these numbers say, so a wrong one would corrupt memory and not throw.
 */
export function checkBatch(batch: Batch, memory: Pick<KvMemory, "lanes" | "capacity">): void {
  const first = batch[0];
  if (first === undefined) throw new Error("the batch is empty");
  for (const [row, { lane, tokens, position }] of batch.entries()) {
    if (lane !== first.lane + row) throw new Error("the rows of a batch stand on consecutive lanes");
    if (lane < 0 || lane >= memory.lanes) throw new Error(`lane ${lane} is not one of ${memory.lanes}`);
    if (tokens.length < 1) throw new Error(`the row of lane ${lane} has no tokens`);
    if (tokens.length > 1 && batch.length > 1) throw new Error("only a single row takes several tokens");
    if (position < 0 || position + tokens.length > memory.capacity) {
      throw new Error(`lane ${lane} holds ${memory.capacity} tokens, not ${position + tokens.length}`);
    }
  }
}

/** The tensors of a pass, bound; only the contents of the small inputs change from pass to pass. */
export class BoundPass implements Disposable {
  /** How long the last run took, ms; infinite before the first. */
  durationMs = Infinity;
  readonly binding;
  readonly #graph: SharedCacheGraph;
  readonly #ids: HostTensor;
  readonly #mask: HostTensor;
  readonly #positions: HostTensor | undefined;
  readonly #logits: HostTensor;
  /** The lanes of the pass in every plane, from the first lane on. */
  readonly #planes: readonly HostTensor[];

  constructor({ session, graph, cache, logits, capacity }: PassContext, shape: PassShape) {
    const { firstLane, rows, rowTokens, maskWidth } = shape;
    const { kvHeads, headDim, cacheType, vocabularySize, takesPositions } = graph;
    const laneBytes = byteLength(cacheType, [kvHeads, capacity, headDim]);
    this.#graph = graph;
    this.#ids = HostTensor.zeros("int64", [rows, rowTokens]);
    this.#mask = HostTensor.zeros("int64", [rows, maskWidth]);
    this.#positions = takesPositions ? HostTensor.zeros("int64", [rows, rowTokens]) : undefined;
    this.#logits = HostTensor.over(logits, 0, [rows, rowTokens, vocabularySize]);
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
