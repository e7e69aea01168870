import { clip } from "../../core/clip.ts";
import { invalid } from "../invalid.ts";
import { longList, longObject } from "../long-json.ts";
import type { LongJson } from "../long-json.ts";
import { usualItems } from "../schemas/responses/query.ts";
import type { ItemsQuery } from "../schemas/responses/query.ts";
import type { InputItemList } from "../schemas/responses/response.ts";
import type { ConversationItem } from "./conversation.ts";

/** A page of items, which stand in the order in which they were said. @throws InferenceError for an unknown `after` */
export function pageOf(
  items: readonly ConversationItem[],
  { limit = usualItems, order = "desc", after }: ItemsQuery,
): LongJson<InputItemList> {
  const ordered = order === "asc" ? items : items.toReversed();
  const before = after === undefined ? -1 : ordered.findIndex(({ id }) => id === after);
  if (after !== undefined && before < 0)
    throw invalid("after", `after: the response was told no item '${clip(after)}'.`);
  const page = ordered.slice(before + 1, before + 1 + limit).map(withParts);
  return longObject<InputItemList>({
    object: "list",
    data: longList(() => page),
    first_id: page.at(0)?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: ordered.length > before + 1 + limit,
  });
}

/** OpenAI lists messages with their content in parts. */
function withParts(item: ConversationItem): ConversationItem {
  if (item.type !== "message" && item.type !== undefined && item.type !== null) return item;
  const { content, role } = item;
  const type = role === "assistant" ? ("output_text" as const) : ("input_text" as const);
  const parts = typeof content === "string" ? [{ type, text: content }] : content;
  return { status: "completed", ...item, type: "message", content: parts };
}
