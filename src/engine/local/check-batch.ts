import { logitsOf, roomOf } from "./runner.ts";
import type { Batch, BatchRow, ModelRunner } from "./runner.ts";

/**
 * Refuses a batch that is beyond a runner's limits, or goes on from what a lane does not hold.
 *
 * The native side writes K/V where these numbers say, so a wrong one would corrupt memory and not throw; a GPU takes
 * any token for one it knows.
 * @throws Error that names the row
 */
export function checkBatch(batch: Batch, runner: Omit<ModelRunner, "step">): void {
  const { maxTokens, maxLogits } = runner.limits;
  if (batch.length === 0) throw new Error("the batch is empty");
  const lanes = new Set<number>();
  for (const row of batch) {
    checkRow(row, runner);
    if (lanes.has(row.lane)) throw new Error(`lane ${row.lane} has two rows`);
    lanes.add(row.lane);
  }
  checkCompany(batch, runner);
  const tokens = roomOf(
    batch.map((row) => row.tokens.length),
    runner.limits,
  );
  if (tokens > maxTokens) throw new Error(`a pass takes at most ${maxTokens} tokens, not ${tokens}`);
  const logits = roomOf(batch.map(logitsOf), runner.limits);
  if (logits > maxLogits) throw new Error(`a pass has at most ${maxLogits} distributions, not ${logits}`);
}

/** Whether rows may share a pass. */
function checkCompany(batch: Batch, { limits: { longRows } }: Pick<ModelRunner, "limits">): void {
  const long = batch.find(({ tokens }) => tokens.length > 1);
  if (long === undefined || batch.length === 1 || longRows === "any") return;
  if (longRows === "alone")
    throw new Error(`the ${long.tokens.length} tokens of lane ${long.lane} must have the pass to themselves`);
  const late = batch.find(({ position }) => position > 0);
  if (late === undefined) return;
  throw new Error(
    `the ${long.tokens.length} tokens of lane ${long.lane} cannot share a pass with lane ${late.lane}, which goes on from ${late.position}`,
  );
}

function checkRow(
  { lane, tokens, position, measuredFrom = tokens.length }: BatchRow,
  { memory, limits: { maxRowTokens, maxRowLogits }, vocabularySize }: Omit<ModelRunner, "step">,
): void {
  const { lanes, capacity } = memory;
  if (lane < 0 || lane >= lanes) throw new Error(`lane ${lane} is not one of ${lanes}`);
  if (tokens.length < 1) throw new Error(`the row of lane ${lane} has no tokens`);
  if (tokens.length > maxRowTokens) throw new Error(`a row takes at most ${maxRowTokens} tokens`);
  if (tokens.length - measuredFrom > maxRowLogits)
    throw new Error(`a row has at most ${maxRowLogits} distributions, not ${tokens.length - measuredFrom}`);
  for (const token of tokens) {
    if (!(token >= 0 && token < vocabularySize)) {
      throw new Error(`token ${token} is not one of ${vocabularySize}`);
    }
  }
  if (position < 0 || position + tokens.length > capacity) {
    throw new Error(`lane ${lane} has room for ${capacity} tokens, not ${position + tokens.length}`);
  }
  const held = memory.length(lane);
  if (position > held) throw new Error(`lane ${lane} holds ${held} tokens, not ${position}`);
}
