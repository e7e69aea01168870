import { z } from "zod";
import { described } from "../../../samplers/described.ts";
import { exampleSum, exampleWorking } from "../example-sum.ts";
import { listed, textOrList } from "../lists.ts";

/** The items of a conversation, as clients of the Responses API send them back and forth. */

const text = (description: string, example: string) => described(z.string(), description, example);

/** Taken back as it was given out, and let be. */
const returned = (description: string, example: unknown = null) =>
  described(z.unknown().optional(), `${description} Let be.`, example);

const inputText = z.looseObject({
  type: described(z.enum(["input_text", "text"]), "The kind of part.", "input_text"),
  text: text("Its text.", exampleSum),
});

const outputText = z.looseObject({
  type: described(z.literal("output_text"), "A part of an earlier answer.", "output_text"),
  text: text("Its text.", exampleWorking),
});

const refusal = z.looseObject({
  type: described(z.literal("refusal"), "A part of an earlier answer that refused.", "refusal"),
  refusal: text("Its text.", "I cannot say."),
});

/** The kind that a value says it is, for errors: what it says may be anything. */
const kindOf = ({ input }: { readonly input?: unknown }): string => {
  const { type } = (input ?? {}) as { type?: unknown };
  return typeof type === "string" ? `'${type.slice(0, 64)}'` : "without a type";
};

export const contentPart = z.discriminatedUnion("type", [inputText, outputText, refusal], {
  error: (issue) => `parts ${kindOf(issue)} are not supported here: only text parts are`,
});

const content = textOrList(contentPart, "must be a text or a list of text parts");

export const messageItem = z.looseObject({
  type: described(z.literal("message").nullish(), "The kind of item; may be left out.", "message"),
  role: described(z.enum(["system", "developer", "user", "assistant"]), "Who speaks.", "user"),
  content: described(
    content,
    "Text, or a list of text parts. An answer's item can be sent back as it came.",
    exampleSum,
  ),
  id: described(z.string().nullish(), "Its id, where it has one.", "msg_0f8e2c5d9b7a4e31"),
  status: returned("How far it had come.", "completed"),
});

export const functionCallItem = z.looseObject({
  type: described(z.literal("function_call"), "The kind of item.", "function_call"),
  call_id: text("What the function's output calls it by.", "call_1"),
  name: text("The function.", "add"),
  arguments: text("Its arguments, a JSON object.", '{"a": 1, "b": 2}'),
  id: described(z.string().nullish(), "Its id, where it has one.", "fc_0f8e2c5d9b7a4e31"),
  status: returned("How far it had come.", "completed"),
});

export const functionOutputItem = z.looseObject({
  type: described(z.literal("function_call_output"), "The kind of item.", "function_call_output"),
  call_id: text("The call that it answers.", "call_1"),
  output: described(content, "What the function gave: text, or a list of text parts.", "3"),
  id: described(z.string().nullish(), "Its id, where it has one.", "fco_0f8e2c5d9b7a4e31"),
  status: returned("How far it had come.", "completed"),
});

const thought = z.looseObject({ text: text("Its text.", "First the product.") });

export const reasoningItem = z.looseObject({
  type: described(z.literal("reasoning"), "The kind of item.", "reasoning"),
  summary: described(listed(thought).nullish(), "Shown where there is no content.", []),
  content: described(
    listed(thought).nullish(),
    "What was thought before the item that follows, for templates that show it.",
    [{ type: "reasoning_text", text: "First the product." }],
  ),
  encrypted_content: described(
    z.null({ error: "encrypted_content cannot be read here; send the item without it" }).optional(),
    "Not supported: only those who encrypted it can read it.",
    null,
  ),
  id: described(z.string().nullish(), "Its id, where it has one.", "rs_0f8e2c5d9b7a4e31"),
  status: returned("How far it had come.", "completed"),
});

const itemReference = z.looseObject({
  type: described(z.literal("item_reference"), "The kind of item.", "item_reference"),
  id: text("An item of a stored answer's output, which stands here.", "msg_0f8e2c5d9b7a4e31"),
});

const itemKinds = [messageItem, functionCallItem, functionOutputItem, reasoningItem, itemReference] as const;

export const inputItem = z
  .discriminatedUnion("type", itemKinds, {
    error: (issue) =>
      `items ${kindOf(issue)} are not supported here; there are message, function_call, function_call_output, reasoning and item_reference`,
  })
  .meta({ id: "ResponseInputItem" });

export type InputItem = z.output<typeof inputItem>;
/** An item that stands for itself. */
export type SpokenItem = Exclude<InputItem, { readonly type: "item_reference" }>;
