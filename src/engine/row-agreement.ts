import { InferenceError } from "../core/errors.ts";
import type { ModelRunner } from "./runner.ts";

/** Passes compared: the shortest and a few longer contexts. */
const positions = 4;

/**
 * Checks what determinism rests on beside the fixed shape: that a row's logits do not depend on its place in the
 * batch. Runs the same tokens in every lane and compares the bits. The lanes hold nothing valid afterwards.
 * @throws InferenceError `unsupported` when rows differ
 */
export async function checkRowAgreement(runner: ModelRunner): Promise<void> {
  const lanes = Array.from({ length: runner.memory.lanes }, (_, lane) => lane);
  for (let position = 0; position < Math.min(positions, runner.memory.capacity); position++) {
    const token = position % runner.vocabularySize;
    const logits = await runner.step(lanes.map((lane) => ({ lane, tokens: [token], position })));
    const first = new Uint8Array(Float32Array.from(logits.row(0)).buffer);
    for (const lane of lanes.slice(1)) {
      const row = new Uint8Array(Float32Array.from(logits.row(lane)).buffer);
      if (Buffer.compare(first, row) === 0) continue;
      throw new InferenceError(
        "unsupported",
        `--deterministic: on this device row ${lane} of a batch rounds otherwise than row 0. Use --lanes 1 with it.`,
      );
    }
  }
}
