import { InferenceError } from "../core/errors.ts";
import type { Completer } from "../decoder/completer.ts";
import type { Caller } from "./caller.ts";
import type { GenerationPlan } from "./generation-plan.ts";
import type { RouteContext } from "./routes/context.ts";
import { runPlan } from "./run-plan.ts";
import type { ChoiceEvent } from "./run-plan.ts";

/**
 * Admits a plan and runs it for as long as `use` reads its events: what every way of answering shares. Nothing is
 * answered, and no stream begun, before what the plan holds its completions to is known to be taken.
 * @throws InferenceError when there is no room for it, naming the field of a constraint that is refused, or why the
 *   signal stopped it
 */
export async function runAdmitted<Result>(
  plan: GenerationPlan,
  { completer, admission, metrics }: Pick<RouteContext, "completer" | "admission" | "metrics">,
  caller: Caller,
  use: (events: AsyncIterable<ChoiceEvent>) => Promise<Result>,
): Promise<Result> {
  const release = admission.admit(plan.demand, caller.client);
  try {
    await checkConstraint(plan, completer, caller);
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

/** All completions of a plan are held to the same. */
async function checkConstraint(
  { requests }: GenerationPlan,
  completer: Completer,
  { client, signal }: Caller,
): Promise<void> {
  const { constraint, stopTokens = [], ignoreEnd = false } = requests[0]!;
  if (constraint === undefined) return;
  await completer.checkConstraint({ constraint, stopTokens, ignoreEnd, client }, signal);
}

/** The engine's error only says that the work was aborted; the signal's reason says why. */
export const causeOf = (error: unknown, signal: AbortSignal): unknown =>
  signal.reason instanceof InferenceError ? signal.reason : error;
