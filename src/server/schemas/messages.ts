import { z } from "zod";
import { described } from "../../samplers/described.ts";
import { body } from "./body.ts";
import { exampleSum } from "./example-sum.ts";
import { listed } from "./lists.ts";
import { harmless, refused } from "./unoffered.ts";

/** The messages of a conversation, as clients send them back and forth. */

const textPart = body({
  type: described(z.literal("text", { error: "only text parts are supported" }), "The kind of part.", "text"),
  text: described(z.string(), "Its text.", exampleSum),
  cache_control: harmless({ type: "ephemeral" }),
});

const refusalPart = body({
  type: described(z.literal("refusal"), "The kind of part.", "refusal"),
  refusal: described(z.string(), "Its text.", "I cannot say."),
});

const toolCall = z.looseObject({
  id: described(z.string().nullish(), "What the tool's answer calls it by.", "call_1"),
  type: described(z.literal("function").nullish(), "The kind of tool.", "function"),
  function: described(
    z.looseObject({
      name: described(z.string(), "The function.", "add"),
      arguments: described(
        z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
        "Its arguments, as JSON in a string or as an object; templates get the object.",
        '{"a": 1, "b": 2}',
      ),
    }),
    "What was called.",
    { name: "add", arguments: '{"a": 1, "b": 2}' },
  ),
});

const text = (description: string, example: string) => described(z.string().nullish(), description, example);

export const requestMessage = z.looseObject({
  role: described(
    z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
    "Who speaks.",
    "user",
  ),
  content: described(
    z
      .union([z.string(), listed(z.union([textPart, refusalPart]))], {
        error: "content must be a string or a list of text parts",
      })
      .nullish(),
    "Text, or a list of text parts: the chat template gets the list if it goes through parts, else one text with line breaks between them.",
    exampleSum,
  ),
  name: text("The speaker's name, for templates that show it.", "Ada"),
  refusal: text("What the assistant said instead of a content.", "I cannot say."),
  reasoning: text("What the assistant thought, for templates that show it.", "First the product."),
  reasoning_content: text("The same, as other servers call it.", "First the product."),
  tool_calls: described(listed(toolCall).nullish(), "assistant: the tools it called.", [
    { id: "call_1", type: "function", function: { name: "add", arguments: '{"a": 1}' } },
  ]),
  tool_call_id: text("tool: which call this answers.", "call_1"),
  function_call: refused("function_call in a message, the former name of tool_calls,"),
  audio: refused("audio"),
});

export type RequestMessage = z.output<typeof requestMessage>;
