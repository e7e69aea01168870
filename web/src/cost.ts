import { findReport } from "../../src/client/client.ts";
import type { CompletionResponse } from "../../src/client/client.ts";

/** What an answer took, in words: an answer that was remembered is not one that costs nothing. */
export function costOf(choice: CompletionResponse["choices"][number]): string {
  const cost = findReport(choice)?.body;
  if (cost === undefined) return "–";
  const { drawn_tokens, evaluated_tokens, remembered_tokens, discarded_tokens } = cost;
  const discarded = discarded_tokens === 0 ? "" : ` (${discarded_tokens} discarded)`;
  return `${drawn_tokens} drawn: ${evaluated_tokens} evaluated${discarded}, ${remembered_tokens} remembered`;
}
