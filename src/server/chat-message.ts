import type { ChatMessage, ContentPart } from "../decoder/completer.ts";
import { invalid } from "./invalid.ts";
import type { RequestMessage } from "./schemas/messages.ts";

/** A message as chat templates know it. @throws InferenceError where a tool call's arguments are no JSON */
export function toChatMessage(message: RequestMessage, index: number): ChatMessage {
  const { role, content, refusal, tool_calls: calls } = message;
  const { name, reasoning, reasoning_content, tool_call_id } = message;
  const said = Object.entries({ name, reasoning, reasoning_content, tool_call_id });
  return {
    role,
    content: (typeof content === "string" ? content : content?.map(toTextPart)) ?? refusal ?? "",
    ...Object.fromEntries(said.filter(([, value]) => value !== null && value !== undefined)),
    ...(calls === null || calls === undefined || calls.length === 0
      ? {}
      : { tool_calls: calls.map((call) => withArguments(call, `messages.${index}.tool_calls`)) }),
  };
}

type Part = Exclude<NonNullable<RequestMessage["content"]>, string>[number];
/** Templates know texts: a refusal is one, and what clients remark beside it is theirs. */
const toTextPart = (part: Part): ContentPart => ({
  type: "text",
  text: part.type === "text" ? part.text : part.refusal,
});

type ToolCall = NonNullable<RequestMessage["tool_calls"]>[number];

/** Templates go through the arguments by name, which the API sends as a text; those of no arguments may be empty. */
function withArguments(call: ToolCall, param: string): ToolCall {
  const { arguments: text } = call.function;
  if (typeof text !== "string") return { ...call, function: { ...call.function, arguments: text ?? {} } };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text === "" ? "{}" : text);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw invalid(param, `${param}: the arguments of '${call.function.name}' must be a JSON object.`);
  return { ...call, function: { ...call.function, arguments: parsed as Record<string, unknown> } };
}
