import { InferenceError } from "../core/errors.ts";
import type { Caller } from "./caller.ts";
import type { GenerationPlan } from "./generation-plan.ts";
import type { RouteContext } from "./routes/context.ts";
import { runPlan } from "./run-plan.ts";
import type { ChoiceEvent } from "./run-plan.ts";

/**
 * Admits a plan and runs it for as long as `use` reads its events: what every way of answering shares.
 * @throws InferenceError when there is no room for it, or why the signal stopped it
 */
export async function runAdmitted<Result>(
  plan: GenerationPlan,
  { completer, admission, metrics }: Pick<RouteContext, "completer" | "admission" | "metrics">,
  caller: Caller,
  use: (events: AsyncIterable<ChoiceEvent>) => Promise<Result>,
): Promise<Result> {
  const release = admission.admit(plan.demand, caller.client);
  try {
    const promptTokens = plan.prompts.reduce((sum, { length }) => sum + length, 0);
    return await use(metrics.observe(runPlan(plan, completer, caller), promptTokens));
  } catch (error) {
    throw causeOf(error, caller.signal);
  } finally {
    // The engine may not have heard yet that it was left, and has as much before it as clients that come and go can ask for.
    if (caller.signal.aborted) void completer.health().then(release, release);
    else release();
  }
}

/** The engine's error only says that the work was aborted; the signal's reason says why. */
export const causeOf = (error: unknown, signal: AbortSignal): unknown =>
  signal.reason instanceof InferenceError ? signal.reason : error;
