import { InferenceError } from "../core/errors.ts";
import type { TokenIds } from "../core/tokens.ts";
import type { EngineInfo } from "./engine.ts";

/**
 * Tests whether a model can take the tokens, and `maxTokens` more.
 * @throws InferenceError `invalid_request`, `context_length_exceeded`
 */
export function checkTokens(
  tokens: TokenIds,
  maxTokens: number,
  { maxLength, vocabularySize }: EngineInfo,
): void {
  if (tokens.length === 0)
    throw new InferenceError("invalid_request", "The prompt is empty; send at least one token.");
  if (tokens.length + maxTokens > maxLength) {
    throw new InferenceError(
      "context_length_exceeded",
      `${tokens.length} tokens and ${maxTokens} more exceed the context of ${maxLength}.`,
    );
  }
  for (const token of tokens) {
    if (!(Number.isInteger(token) && token >= 0 && token < vocabularySize)) {
      throw new InferenceError(
        "invalid_request",
        `Token id ${token} is outside the vocabulary (0..${vocabularySize - 1}).`,
      );
    }
  }
}
