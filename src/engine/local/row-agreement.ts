import { InferenceError } from "../../core/errors.ts";
import type { LogitsView, ModelRunner } from "./runner.ts";

/** Any but 1, at which the normaliser is left out. */
const inverseTemperature = 2;

/** Passes compared: the shortest and a few longer contexts. */
const positions = 4;

/**
 * Checks what determinism rests on beside the fixed shape: that a row's logits, and what is measured of them, do not
 * depend on its place in the batch. Runs the same tokens in every lane and compares the bits. The lanes hold nothing
 * afterwards.
 * @throws InferenceError `unsupported` when rows differ
 */
export async function checkRowAgreement(runner: ModelRunner): Promise<void> {
  const lanes = Array.from({ length: runner.memory.lanes }, (_, lane) => lane);
  for (let position = 0; position < Math.min(positions, runner.memory.capacity); position++) {
    const token = position % runner.vocabularySize;
    const row = { tokens: [token], position, measuredFrom: 0, inverseTemperature };
    const logits = await runner.step(lanes.map((lane) => ({ ...row, lane })));
    const first = bitsOf(logits, 0);
    for (const lane of lanes.slice(1)) {
      if (Buffer.compare(first, bitsOf(logits, lane)) === 0) continue;
      throw new InferenceError(
        "unsupported",
        `--deterministic: on this device row ${lane} of a batch rounds otherwise than row 0. Use --lanes 1 with it.`,
      );
    }
  }
  for (const lane of lanes) runner.memory.truncate(lane, 0);
}

function bitsOf(logits: LogitsView, row: number): Uint8Array {
  const { logSum, logNormalizer, entropy, top } = logits.distribution(row, 0, inverseTemperature);
  const sums = Float64Array.of(logSum, logNormalizer, entropy);
  const values = Float32Array.from(logits.row(row));
  const parts = [sums, top.ids, values].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  return Buffer.concat(parts);
}
