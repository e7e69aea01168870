import { logitsOf } from "../local/runner.ts";
import type { Batch } from "../local/runner.ts";
import type { LiveCache } from "./cache/live-cache.ts";
import type { Logits, LogitsSpan } from "./logits/logits.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import { HostTensor } from "./ort/tensor.ts";
import type { Tensor } from "./ort/tensor.ts";
import type { Session } from "./ort/session.ts";
import { logitTokens as logitTokensInput } from "./graphs/decoder-graph.ts";
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
  /** Of each row, how many of its last tokens have logits; all, padding included, where the graph cannot be told. */
  readonly rowLogits: number;
}

/**
 * Masks are made a multiple of this many tokens wide, so that a binding serves as many passes. One width for
 * all, the capacity, costs a large batch of a small model half as much again (16 rows, capacity 2048, 3 layers
 * of width 96: 0.41 ms instead of 0.27 ms): the mask is written and summed in every pass.
 */
const maskStep = 64;

/** The shape of a batch that stands in the cache from the given row on. */
export function shapeOf(batch: Batch, firstRow: number, { graph, cache }: PassContext): PassShape {
  const { capacity } = cache.memory;
  const longest = Math.max(...batch.map(({ position, tokens }) => position + tokens.length));
  const rowTokens = Math.max(...batch.map(({ tokens }) => tokens.length));
  // The kernel takes rows of several tokens together where the mask is as wide as they are long: none has a past.
  const isTogether = rowTokens > 1 && batch.length > 1;
  return {
    firstRow,
    rows: batch.length,
    rowTokens,
    maskWidth: isTogether ? rowTokens : Math.min(capacity, Math.ceil(longest / maskStep) * maskStep),
    rowLogits: graph.takesLogitTokens ? Math.max(...batch.map(logitsOf)) : rowTokens,
  };
}

/** The tensors of a pass, bound; only the contents of the small inputs change from pass to pass. */
export class BoundPass implements Disposable {
  readonly binding: IoBinding;
  readonly #shape: PassShape;
  readonly #run: RepeatedRun;
  readonly #ids: HostTensor;
  readonly #mask: HostTensor;
  /** Ones at the start of each row of the mask: from pass to pass a row gains one, or is another lane's. */
  readonly #maskEnds: Uint32Array;
  readonly #positions: HostTensor | undefined;
  readonly #logitTokens: HostTensor | undefined;
  readonly #logits: Tensor;
  /** The rows of the pass in every plane. */
  readonly #planes: readonly Tensor[];

  constructor({ session, graph, cache, logits }: PassContext, shape: PassShape) {
    const { firstRow, rows, rowTokens, maskWidth, rowLogits } = shape;
    this.#shape = shape;
    this.#ids = HostTensor.zeros("int64", [rows, rowTokens]);
    this.#mask = HostTensor.zeros("int64", [rows, maskWidth]);
    this.#maskEnds = new Uint32Array(rows);
    this.#positions = graph.takesPositions ? HostTensor.zeros("int64", [rows, rowTokens]) : undefined;
    this.#logitTokens = graph.takesLogitTokens ? HostTensor.zeros("int64", [rows, rowLogits, 1]) : undefined;
    this.#logits = logits.tensor(0, rows, rowLogits);
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
    if (this.#logitTokens !== undefined) this.binding.bindInput(logitTokensInput, this.#logitTokens);
  }

  run(): Promise<void> {
    return this.#run.run();
  }

  /**
   * Writes ids, positions, the mask and which tokens have logits: a row's valid tokens are ones in the mask, the padding
   * to their right zeros. What stands in the padding of ids is of another pass, and goes nowhere.
   * @returns where the logits of each row stand
   */
  fill(batch: Batch): LogitsSpan[] {
    const { rowTokens, maskWidth, rowLogits } = this.#shape;
    const ids = this.#ids.asBigInt64();
    const positions = this.#positions?.asBigInt64();
    const logitTokens = this.#logitTokens?.asBigInt64();
    const mask = this.#mask.asBigInt64();
    const spans: LogitsSpan[] = [];
    for (const [row, { tokens, position }] of batch.entries()) {
      for (const [index, token] of tokens.entries()) {
        ids[row * rowTokens + index] = BigInt(token);
        if (positions !== undefined) positions[row * rowTokens + index] = BigInt(position + index);
      }
      const start = row * maskWidth;
      const [before, end] = [this.#maskEnds[row]!, position + tokens.length];
      if (before < end) mask.fill(1n, start + before, start + end);
      else mask.fill(0n, start + end, start + before);
      this.#maskEnds[row] = end;
      // A row of fewer tokens than have logits in another has those of its first more than once.
      const first = logitTokens === undefined ? 0 : tokens.length - rowLogits;
      for (let index = 0; logitTokens !== undefined && index < rowLogits; index++)
        logitTokens[row * rowLogits + index] = BigInt(Math.max(0, first + index));
      spans.push({ place: row * rowLogits + Math.max(0, -first), first: Math.max(0, first) });
    }
    return spans;
  }

  [Symbol.dispose](): void {
    this.binding[Symbol.dispose]();
    const small = [this.#ids, this.#mask, this.#positions, this.#logitTokens];
    for (const tensor of [...small, this.#logits, ...this.#planes]) {
      tensor?.[Symbol.dispose]();
    }
  }
}
