import { setImmediate } from "node:timers/promises";
import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch, BatchRow, LogitsView, PassLimits } from "../local/runner.ts";
import { HostConcatCache } from "./cache/concat-cache.ts";
import type { ConcatCache } from "./cache/concat-cache.ts";
import { DeviceConcatCache } from "./cache/device-concat-cache.ts";
import { openWhereItFits } from "./cache/device-room.ts";
import type { DecoderGraph } from "./graphs/decoder-graph.ts";
import { Logits } from "./logits/logits.ts";
import type { LogitsSpan } from "./logits/logits.ts";
import { HostLogitsMemory } from "./logits/logits-memory.ts";
import { OnnxRunner } from "./onnx-runner.ts";
import type { OnnxRunnerOptions } from "./onnx-runner.ts";
import type { IoBinding } from "./ort/io-binding.ts";
import type { Session } from "./ort/session.ts";
import { HostTensor } from "./ort/tensor.ts";
import type { Tensor } from "./ort/tensor.ts";
import { RepeatedRun, shortMs } from "./repeated-run.ts";

/**
 * Runs graphs that append to their cache by Concat: past [1, heads, P, d] gives present [1, heads, P+S, d]. Rows run
 * one after the other, for a batch would need pasts of one length. What a row wrote is bound as it is as the
 * past of the next, where the graph runs; only the graph's own Concat copies.
 */
export class ConcatCacheRunner extends OnnxRunner {
  readonly limits: PassLimits;
  readonly #graph: DecoderGraph;
  readonly #cache: ConcatCache;
  readonly #logits: Logits;
  readonly #binding: IoBinding;
  /** Runs rows of one token, which are all as long. */
  readonly #shortRun: RepeatedRun;

  constructor(session: Session, graph: DecoderGraph, options: OnnxRunnerOptions) {
    super(session, graph, options);
    const { logitsType, vocabularySize } = graph;
    const maxRowTokens = options.isFixedShape === true ? 1 : options.maxRowTokens;
    // The row of one lane is as long as any may be; the others have one token each.
    const maxTokens = options.lanes - 1 + maxRowTokens;
    this.limits = {
      maxRowTokens,
      maxTokens,
      maxRowLogits: maxRowTokens,
      maxLogits: maxTokens,
      longRows: "any",
    };
    this.#graph = graph;
    this.#cache =
      session.device === "cpu"
        ? new HostConcatCache(graph, options)
        : openWhereItFits(options, (size) => new DeviceConcatCache(session, graph, size));
    // Rows are written one by one, where a device's tensors cannot begin.
    const memory = new HostLogitsMemory({ logitsType, tokens: maxTokens, vocabularySize });
    this.#logits = new Logits(memory, session);
    this.#binding = session.createBinding();
    this.#shortRun = new RepeatedRun(session, this.#binding);
  }

  get memory(): KvMemory {
    return this.#cache.memory;
  }

  protected async run(batch: Batch): Promise<LogitsView> {
    const spans: LogitsSpan[] = [];
    let place = 0;
    let turnedAt = performance.now();
    for (const row of batch) {
      // Each row may be short enough for this thread, and all of them take it for long.
      if (performance.now() - turnedAt > shortMs) {
        await setImmediate();
        turnedAt = performance.now();
      }
      this.checkOpen();
      await this.#runRow(row, place);
      spans.push({ place, first: 0 });
      place += row.tokens.length;
    }
    const layout = { rows: batch, spans };
    await this.#logits.measure(layout);
    return this.#logits.view(layout);
  }

  protected release(): void {
    for (const owned of [this.#binding, this.#logits, this.#cache]) owned[Symbol.dispose]();
  }

  /** @param place where in the logits those of the row's tokens go */
  async #runRow(row: BatchRow, place: number): Promise<void> {
    const { lane, tokens, position } = row;
    const bound = this.#bind(row, place);
    try {
      if (tokens.length === 1) await this.#shortRun.run();
      else await this.session.run(this.#binding);
    } finally {
      this.#binding.clear();
      for (const tensor of bound) tensor[Symbol.dispose]();
    }
    this.#cache.adopt(lane, position + tokens.length);
  }

  /** Binds a row's tensors, and gives them back to be released after the run. */
  #bind({ lane, tokens, position }: BatchRow, place: number): Tensor[] {
    const { planes, takesPositions } = this.#graph;
    const bound: Tensor[] = [];
    const input = (name: string, tensor: Tensor): void => {
      bound.push(tensor);
      this.#binding.bindInput(name, tensor);
    };
    const output = (name: string, tensor: Tensor): void => {
      bound.push(tensor);
      this.#binding.bindOutput(name, tensor);
    };
    const total = position + tokens.length;
    input("input_ids", oneRow(tokens));
    input("attention_mask", oneRow(Array<number>(total).fill(1)));
    if (takesPositions) input("position_ids", oneRow(tokens.map((_, index) => position + index)));
    output("logits", this.#logits.tensor(place, 1, tokens.length));
    const past = this.#cache.past(lane, position);
    const present = this.#cache.present(total);
    for (const [index, names] of planes.entries()) {
      input(names.past, past[index]!);
      output(names.present, present[index]!);
    }
    return bound;
  }
}

const oneRow = (values: readonly number[]): HostTensor => HostTensor.integers(values, [1, values.length]);
