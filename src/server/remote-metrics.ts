import type { Counter, Gauge } from "prom-client";
import type { RemoteDetails } from "../decoder/completer.ts";

/** What makes metrics of these names. */
interface MetricMaker {
  readonly gauge: (name: string, help: string, labelNames?: string[]) => Gauge;
  readonly counter: (name: string, help: string) => Counter;
}

/**
 * Metrics of a server elsewhere that runs the model; they stand at 0 where none does.
 * @returns sets them to what the engine says
 */
export function remoteMetrics({ gauge, counter }: MetricMaker): (details: RemoteDetails) => void {
  const open = gauge("remote_calls", "Calls under way to the server that runs the model.");
  const most = gauge("remote_calls_limit", "The most that may be: --engine-calls.");
  const times = gauge("remote_token_seconds", "From one token of a stream to the next, by calls under way.", [
    "calls",
  ]);
  const calls = counter("remote_calls_total", "Calls to the server that runs the model.");
  const retries = counter(
    "remote_retries_total",
    "Calls made again, or continued, after the server or the network failed.",
  );
  const aborts = counter("remote_aborts_total", "Calls ended before the server was through.");
  const refinements = counter(
    "remote_refinements_total",
    "Calls for more of the likeliest tokens, where what was known left a decision open.",
  );
  const drawn = counter("remote_drawn_tokens_total", "Tokens that the server drew.");
  const prompt = counter("remote_prompt_tokens_total", "Tokens of the prompts that calls carried.");
  const cached = counter(
    "remote_cached_tokens_total",
    "Those of them that the server had cached; 0 where it does not tell.",
  );
  const seconds = counter(
    "remote_call_seconds_total",
    "What calls took; e2e_request_latency_seconds is what requests did.",
  );
  // What the engine has counted itself, and starts anew when it is replaced, as counters do.
  const set = (counted: Counter, total: number): void => {
    counted.reset();
    counted.inc(total);
  };
  return ({ calls: underWay, totals, tokenTimes }) => {
    open.set(underWay.open);
    most.set(underWay.most);
    for (const { calls: count, ms } of tokenTimes) times.set({ calls: count }, ms / 1000);
    set(calls, totals.calls);
    set(retries, totals.retries);
    set(aborts, totals.aborts);
    set(refinements, totals.refinements);
    set(drawn, totals.drawnTokens);
    set(prompt, totals.promptTokens);
    set(cached, totals.cachedTokens);
    set(seconds, totals.callMs / 1000);
  };
}
