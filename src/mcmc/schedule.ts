/**
 * The horizons of the chain's stages: B, 2B, … and finally `maxTokens`. All but the last stage only warm the
 * chain up (arXiv 2510.14901, Algorithm 1).
 */
export function horizons(maxTokens: number, blockSize: number): readonly number[] {
  const stages = Math.ceil(maxTokens / blockSize);
  return Array.from({ length: stages }, (_, stage) => Math.min(maxTokens, (stage + 1) * blockSize));
}

/**
 * "full": every stage does its steps, finished completions included; the chain targets p^α.
 * "until_finished": stop after the first stage whose completion has ended. Cheaper, and favours short answers:
 * the law then depends on when an end was first seen.
 */
export const schedules = ["full", "until_finished"] as const;
export type Schedule = (typeof schedules)[number];
