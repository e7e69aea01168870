import type { z } from "zod";
import { readArguments } from "../chat-message.ts";
import { JsonScan } from "../json-scan.ts";
import { uniqueId } from "../ids.ts";
import { invalid } from "../invalid.ts";
import type { RequestMessage } from "../schemas/messages.ts";
import type { contentPart, InputItem, SpokenItem } from "../schemas/responses/items.ts";

/** An item of a conversation, under the id that it is listed by. */
export type ConversationItem = SpokenItem & { readonly id: string };

/** What a request tells the model. */
export interface Told {
  /** What the responses before it were told and answered. */
  readonly before: readonly ConversationItem[];
  readonly input: readonly ConversationItem[];
}

/** What ids of items begin with, by their type. */
const idPrefixes = { message: "msg", function_call: "fc", function_call_output: "fco", reasoning: "rs" };

/**
 * The items of a request's input, each with an id: its own, where no other item has it.
 * @param before those that stand before it
 * @param find an item of an answer's output, by its id
 * @throws InferenceError where an item is referred to that is not kept
 */
export function toItems(
  input: string | readonly InputItem[],
  before: readonly ConversationItem[],
  find: (id: string) => ConversationItem | undefined,
): ConversationItem[] {
  if (typeof input === "string") return [withId({ type: "message", role: "user", content: input })];
  const taken = new Set(before.map(({ id }) => id));
  return input.map((item, index) => {
    const spoken = item.type === "item_reference" ? referred(item.id, index, find) : item;
    const isFree = typeof spoken.id === "string" && !taken.has(spoken.id);
    const named = isFree ? { ...spoken, id: spoken.id! } : withId(spoken);
    taken.add(named.id);
    return named;
  });
}

function referred(
  id: string,
  index: number,
  find: (id: string) => ConversationItem | undefined,
): ConversationItem {
  const item = find(id);
  if (item !== undefined) return item;
  const param = `input.${index}.id`;
  throw invalid(param, `${param}: there is no stored item '${id.slice(0, 64)}'. Send the item itself.`);
}

const withId = (item: SpokenItem): ConversationItem => ({
  ...item,
  id: `${idPrefixes[item.type ?? "message"]}_${uniqueId()}`,
});

/**
 * A conversation as chats have it: a call goes with the words before it, a thought with what follows.
 * @throws InferenceError where a call's arguments are no JSON; Refusal where those of all calls are too much
 */
export async function toMessages({ before, input }: Told): Promise<RequestMessage[]> {
  const scan = new JsonScan();
  const messages: RequestMessage[] = [];
  let thought: string | undefined;
  /** The assistant's message that a call goes on with. */
  const speaking = (): RequestMessage => {
    const last = messages.at(-1);
    if (last?.role === "assistant" && thought === undefined) return last;
    const message = { role: "assistant" as const, content: "", ...thinking(thought) };
    thought = undefined;
    messages.push(message);
    return message;
  };
  for (const [index, item] of [...before, ...input].entries()) {
    switch (item.type) {
      case "reasoning":
        thought = thoughtOf(item);
        break;
      case "function_call": {
        const { call_id, name } = item;
        const place = index - before.length;
        const param = place < 0 ? "previous_response_id" : `input.${place}.arguments`;
        const args = await readArguments(item, param, scan);
        const call = { id: call_id, type: "function" as const, function: { name, arguments: args } };
        const message = speaking();
        message.tool_calls = [...(message.tool_calls ?? []), call];
        break;
      }
      case "function_call_output":
        messages.push({ role: "tool", tool_call_id: item.call_id, content: toContent(item.output) });
        break;
      default: {
        const { role } = item;
        messages.push({
          role,
          content: toContent(item.content),
          ...(role === "assistant" ? thinking(thought) : {}),
        });
        if (role === "assistant") thought = undefined;
      }
    }
  }
  return messages;
}

const thinking = (thought: string | undefined) =>
  thought === undefined ? {} : { reasoning_content: thought };

function thoughtOf({ content, summary }: ConversationItem & { type: "reasoning" }): string | undefined {
  const texts = (content?.length ? content : (summary ?? [])).map(({ text }) => text);
  return texts.length === 0 ? undefined : texts.join("\n");
}

type Content = string | readonly z.output<typeof contentPart>[];

/** A lone part is a text, as an answer's is in a chat: the same prompt, which the cache knows. */
function toContent(content: Content): string | { type: "text"; text: string }[] {
  if (typeof content === "string") return content;
  const texts = content.map((part) => (part.type === "refusal" ? part.refusal : part.text));
  return texts.length === 1 ? texts[0]! : texts.map((text) => ({ type: "text", text }));
}
