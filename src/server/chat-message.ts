import { clip } from "../core/clip.ts";
import type { ChatMessage, ContentPart } from "../decoder/completer.ts";
import { invalid } from "./invalid.ts";
import { JsonScan } from "./json-scan.ts";
import type { RequestMessage } from "./schemas/messages.ts";

/**
 * Messages as chat templates know them.
 * @throws InferenceError where a tool call's arguments are no JSON; Refusal where those of all calls are too much
 */
export async function toChatMessages(messages: readonly RequestMessage[]): Promise<ChatMessage[]> {
  const scan = new JsonScan();
  const read: ChatMessage[] = [];
  for (const [index, message] of messages.entries()) {
    const param = `messages.${index}.tool_calls`;
    const calls: ToolCall[] = [];
    for (const call of message.tool_calls ?? []) {
      const args = await readArguments(call.function, param, scan);
      calls.push({ ...call, function: { ...call.function, arguments: args } });
    }
    read.push(toChatMessage(message, calls));
  }
  return read;
}

function toChatMessage(message: RequestMessage, calls: readonly ToolCall[]): ChatMessage {
  const { role, content, refusal } = message;
  const { name, reasoning, reasoning_content, tool_call_id } = message;
  const said = Object.entries({ name, reasoning, reasoning_content, tool_call_id });
  return {
    role,
    content: (typeof content === "string" ? content : content?.map(toTextPart)) ?? refusal ?? "",
    ...Object.fromEntries(said.filter(([, value]) => value !== null && value !== undefined)),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

type Part = Exclude<NonNullable<RequestMessage["content"]>, string>[number];
/** Templates know texts: a refusal is one, and what clients remark beside it is theirs. */
const toTextPart = (part: Part): ContentPart => ({
  type: "text",
  text: part.type === "text" ? part.text : part.refusal,
});

type ToolCall = NonNullable<RequestMessage["tool_calls"]>[number];

/**
 * The arguments of a call: templates go through them by name, and the API sends them as a text; those of no arguments
 * may be empty.
 * @param param what the request calls them
 * @throws InferenceError where they are no JSON object; Refusal where they are too much
 */
export async function readArguments(
  { name, arguments: text }: Pick<ToolCall["function"], "name" | "arguments">,
  param: string,
  scan: JsonScan,
): Promise<Readonly<Record<string, unknown>>> {
  if (typeof text !== "string") return text ?? {};
  await scan.scan(Buffer.from(text), `text of ${param}`, param);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text === "" ? "{}" : text);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw invalid(param, `${param}: the arguments of '${clip(name)}' must be a JSON object.`);
  return parsed as Record<string, unknown>;
}
