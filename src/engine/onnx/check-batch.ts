import type { KvMemory } from "../../kvcache/kv-memory.ts";
import type { Batch, ModelRunner } from "../local/runner.ts";

/**
 * Refuses a batch that the runner's contract excludes.
 *
 * The native side writes K/V where these numbers say, so a wrong one would corrupt memory and not throw; a GPU takes any
 * token for one it knows.
 */
export function checkBatch(
  batch: Batch,
  {
    lanes,
    capacity,
    maxRowTokens,
    vocabularySize,
  }: Pick<KvMemory, "lanes" | "capacity"> & Pick<ModelRunner, "maxRowTokens" | "vocabularySize">,
): void {
  const first = batch[0];
  if (first === undefined) throw new Error("the batch is empty");
  for (const [row, { lane, tokens, position }] of batch.entries()) {
    if (lane !== first.lane + row) throw new Error("the rows of a batch stand on consecutive lanes");
    if (lane < 0 || lane >= lanes) throw new Error(`lane ${lane} is not one of ${lanes}`);
    if (tokens.length < 1) throw new Error(`the row of lane ${lane} has no tokens`);
    if (tokens.length > 1 && batch.length > 1) throw new Error("only a single row takes several tokens");
    if (tokens.length > maxRowTokens) throw new Error(`a row takes at most ${maxRowTokens} tokens`);
    const unknown = tokens.find((token) => token < 0 || token >= vocabularySize);
    if (unknown !== undefined) throw new Error(`token ${unknown} is not one of ${vocabularySize}`);
    if (position < 0 || position + tokens.length > capacity) {
      throw new Error(`lane ${lane} holds ${capacity} tokens, not ${position + tokens.length}`);
    }
  }
}
