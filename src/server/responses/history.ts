import { invalid } from "../invalid.ts";
import { itemIdOf, responseIdOf } from "../presenters/response.ts";
import { toItems } from "./conversation.ts";
import type { ConversationItem, Told } from "./conversation.ts";
import type { ResponseRequest } from "../schemas/responses/request.ts";
import type { ResponseAnswer } from "./response-answer.ts";
import type { ResponseStore, StoredResponse } from "./response-store.ts";

/**
 * The conversation that a request goes on with.
 * @throws InferenceError where something of it is not kept, or still runs
 */
export function readConversation(
  {
    input = [],
    previous_response_id: previous,
  }: {
    readonly input?: NonNullable<ResponseRequest["input"]> | undefined;
    readonly previous_response_id?: string | undefined;
  },
  store: ResponseStore,
  owner: string,
): Told {
  const before = previous === undefined ? [] : itemsBefore(store.conversation(previous, owner));
  const find = (id: string): ConversationItem | undefined => {
    const answer = store.find(responseIdOf(id), owner)?.answer;
    return answer === undefined ? undefined : outputItems(answer).find((item) => item.id === id);
  };
  return { before, input: toItems(input, before, find) };
}

/** All that was told and answered. @throws InferenceError where the last of it still runs */
function itemsBefore(responses: readonly StoredResponse[]): ConversationItem[] {
  if (responses.at(-1)?.answer.isOver === false) {
    throw invalid(
      "previous_response_id",
      "previous_response_id: that response still runs. Wait until it has ended, or cancel it.",
    );
  }
  return responses.flatMap(({ input, answer }) => [...input, ...outputItems(answer)]);
}

/** All that a response was told, the oldest first. @throws InferenceError where something of it is not kept any more */
export function inputOf({ input, answer }: StoredResponse, store: ResponseStore, owner: string) {
  const { previous_response_id: previous } = answer.head;
  return previous === null ? input : [...itemsBefore(store.conversation(previous, owner)), ...input];
}

/** An answer as items of the conversation that goes on from it. */
function outputItems({ head, items, status: ofAnswer }: ResponseAnswer): ConversationItem[] {
  const status = ofAnswer === "completed" ? ofAnswer : "incomplete";
  return items.map(({ call, text }, index) => {
    const id = itemIdOf(head.id, index, call);
    if (call !== undefined)
      return { type: "function_call", id, call_id: call.id, name: call.name, arguments: text, status };
    const part = { type: "output_text" as const, text, annotations: [], logprobs: [] };
    return { type: "message", id, role: "assistant", status, content: [part] };
  });
}
