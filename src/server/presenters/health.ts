import type { CompleterHealth, EngineDetails, LocalDetails, RemoteDetails } from "../../decoder/completer.ts";
import type { HealthResponse } from "../schemas/health.ts";

/**
 * What /health says of a completer, under the names of today and those of before.
 * @param startedAt when the server started. Unix time, seconds
 */
export function toHealthResponse(
  { status, reason, evaluatedTokens, memo, details }: CompleterHealth,
  startedAt: number,
): HealthResponse {
  return {
    status,
    ...(reason === undefined ? {} : { reason }),
    started_at: startedAt,
    evaluated_tokens: evaluatedTokens,
    evaluatedTokens,
    ...(memo === undefined ? {} : { memo: { ...memo, max_bytes: memo.maxBytes } }),
    ...(details === undefined ? {} : toDetails(details)),
  };
}

const toDetails = (details: EngineDetails): Partial<HealthResponse> =>
  details.kind === "local" ? toLocal(details) : toRemote(details);

function toRemote({ sequences, server, calls, totals, tokenTimes }: RemoteDetails): Partial<HealthResponse> {
  return {
    sequences,
    remote: {
      server,
      calls,
      totals: {
        calls: totals.calls,
        retries: totals.retries,
        aborts: totals.aborts,
        refinements: totals.refinements,
        drawn_tokens: totals.drawnTokens,
        prompt_tokens: totals.promptTokens,
        cached_tokens: totals.cachedTokens,
        call_ms: totals.callMs,
      },
      token_times: tokenTimes.map(({ calls: underWay, ms }) => ({ calls: underWay, ms })),
    },
  };
}

function toLocal({
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
