import { InferenceError } from "../../core/errors.ts";
import type { Caller } from "../caller.ts";
import { planChat } from "../chat-plan.ts";
import { responseNames } from "./response-names.ts";
import type { GenerationPlan, PlanContext } from "../generation-plan.ts";
import type { Given } from "../given.ts";
import type { ChatRequest } from "../schemas/chat.ts";

/**
 * Plans a response as the chat that it is.
 * @param truncates whether the oldest turns may be left out where all do not fit
 * @throws InferenceError naming the field at fault and what to do
 */
export async function planResponse(
  body: Given<ChatRequest>,
  context: PlanContext,
  caller: Caller,
  truncates: boolean,
): Promise<GenerationPlan> {
  const turns = truncates ? withoutOldestTurns(body.messages) : [body.messages];
  const planOf = (dropped: number): Promise<GenerationPlan> =>
    planChat({ ...body, messages: turns[dropped]! }, context, caller, responseNames);
  const planIfItFits = (dropped: number): Promise<GenerationPlan | undefined> =>
    planOf(dropped).catch((error: unknown) => {
      if (isTooLong(error)) return undefined;
      throw error;
    });
  let most = turns.length - 1;
  // As a rule all of it fits.
  const whole = most === 0 ? undefined : await planIfItFits(0);
  if (whole !== undefined) return whole;
  let plan = await planOf(most);
  for (let least = 1; least < most;) {
    const middle = Math.floor((least + most) / 2);
    const longer = await planIfItFits(middle);
    if (longer === undefined) least = middle + 1;
    else [plan, most] = [longer, middle];
  }
  return plan;
}

const isTooLong = (error: unknown): boolean =>
  error instanceof InferenceError && error.code === "context_length_exceeded";

/** The conversation, then without its first turn, its first two, ...; what is said before any turn stays. */
function withoutOldestTurns(messages: ChatRequest["messages"]): ChatRequest["messages"][] {
  const start = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const turns = messages.flatMap(({ role }, index) => (role === "user" && index > start ? [index] : []));
  const preamble = messages.slice(0, Math.max(0, start));
  return [messages, ...turns.map((turn) => [...preamble, ...messages.slice(turn)])];
}
