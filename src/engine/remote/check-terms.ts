import { beyondEngine } from "../../core/errors.ts";
import type { ExtendRequest } from "../engine.ts";
import type { AdjustmentName, Dialect } from "./dialect.ts";

/**
 * Tests whether a server has terms for a law.
 * @throws InferenceError `unsupported`, naming the field
 */
export function checkTerms(
  {
    sampling: { inverseTemperature, adjustments, topK, topP = 1, minP = 0 },
  }: Pick<ExtendRequest, "sampling">,
  { inverseTemperatures: { least, most }, adjustments: known, truncation }: Dialect,
): void {
  if (inverseTemperature < least || inverseTemperature > most) {
    throw beyondEngine(
      "temperature",
      `draw at temperature ${1 / inverseTemperature}, but from ${1 / most} to ${1 / least}`,
    );
  }
  // Of one token that is left, any share is all.
  const isCut = topK !== 1 && (topK !== undefined || minP > 0);
  if (truncation === "apart" && topP < 1 && isCut)
    throw beyondEngine("top_p", "draw by top_p beside top_k or min_p");
  if (adjustments === undefined) return;
  const { bias, forbidden, repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = adjustments;
  const asked: Readonly<Record<AdjustmentName, boolean>> = {
    logit_bias: bias !== undefined && bias.size > 0,
    min_tokens: forbidden !== undefined,
    repetition_penalty: repetitionPenalty !== 1,
    frequency_penalty: frequencyPenalty !== 0,
    presence_penalty: presencePenalty !== 0,
  };
  for (const [name, isAsked] of Object.entries(asked)) {
    if (isAsked && !known.some((other) => other === name)) throw beyondEngine(name, `draw by ${name}`);
  }
  // A completion that is gone on with has the other two as biases, which come before it.
  if (asked.repetition_penalty && (asked.frequency_penalty || asked.presence_penalty))
    throw beyondEngine("repetition_penalty", "draw by repetition_penalty beside another penalty");
}
