import type { CompleterHealth, LocalDetails } from "../../decoder/completer.ts";
import type { HealthResponse } from "../schemas/health.ts";

/** What /health says of a completer, under the names of today and those of before. */
export function toHealthResponse({
  status,
  reason,
  evaluatedTokens,
  memo,
  details,
}: CompleterHealth): HealthResponse {
  return {
    status,
    ...(reason === undefined ? {} : { reason }),
    evaluated_tokens: evaluatedTokens,
    evaluatedTokens,
    ...(memo === undefined ? {} : { memo: { ...memo, max_bytes: memo.maxBytes } }),
    ...(details?.kind === "local" ? toDetails(details) : {}),
  };
}

function toDetails({
  lanes,
  sequences,
  prefixStore,
  passes,
  preemptions,
  passTimes,
  speculation,
  compute,
}: LocalDetails): Partial<HealthResponse> {
  return {
    lanes,
    sequences,
    prefix_store: {
      bytes: prefixStore.bytes,
      max_bytes: prefixStore.maxBytes,
      hit_tokens: prefixStore.hitTokens,
      query_tokens: prefixStore.queryTokens,
    },
    passes,
    preemptions,
    pass_times: passTimes,
    speculation: {
      draft_tokens: speculation.draftedTokens,
      accepted_tokens: speculation.acceptedTokens,
    },
    compute,
    prefixStore,
    passTimes,
  };
}
