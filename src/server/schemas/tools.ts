import { z } from "zod";
import { described } from "../../samplers/described.ts";

/** Tools that a chat offers its model, and the calls that answers make of them. */

const name = z
  .string()
  .regex(/^[\w.-]{1,64}$/, { error: "must be 1 to 64 letters, digits, dots, dashes and underscores" });

/** Callers have schemas of types that are no records, as structured.ts says. */
const parameters = z.record(z.string(), z.unknown()) as z.ZodType<Record<string, unknown>, object>;

/** Whole, as the template shows it to the model. */
export const tool = z
  .looseObject({
    type: described(
      z.literal("function", { error: "only tools of type 'function' are supported" }),
      "The kind of tool.",
      "function",
    ),
    function: described(
      z.looseObject({
        name: described(name, "What it is called by.", "add"),
        description: described(z.string().nullish(), "What it does, for the model.", "Adds two numbers."),
        parameters: described(parameters.nullish(), "JSON Schema of its arguments. None when left out.", {
          type: "object",
          properties: { a: { type: "integer" }, b: { type: "integer" } },
        }),
        strict: described(
          z.boolean().nullish(),
          "Whether arguments are drawn from what the schema allows alone.",
          true,
        ),
      }),
      "The function.",
      { name: "add", parameters: { type: "object", properties: { a: { type: "integer" } } } },
    ),
  })
  .meta({ id: "Tool" });

export const toolChoice = z.union(
  [
    z.enum(["none", "auto", "required"]),
    z.object({
      type: described(z.literal("function"), "The kind of tool.", "function"),
      function: described(z.object({ name: described(name, "Its name.", "add") }), "Which.", { name: "add" }),
    }),
  ],
  {
    error:
      'tool_choice must be "none", "auto", "required" or {"type": "function", "function": {"name": NAME}}',
  },
);

/** As the Responses API has a tool: the function's fields stand in it. */
export const responseTool = z
  .looseObject({ type: tool.shape.type, ...tool.shape.function.shape })
  .meta({ id: "ResponseTool" });

export const responseToolChoice = z.union(
  [
    z.enum(["none", "auto", "required"]),
    z.object({
      type: described(z.literal("function"), "The kind of tool.", "function"),
      name: described(name, "Its name.", "add"),
    }),
  ],
  { error: 'tool_choice must be "none", "auto", "required" or {"type": "function", "name": NAME}' },
);

export type Tool = z.output<typeof tool>;

/** Of an answer. */
export const answeredCall = z
  .object({
    id: described(z.string(), "What the tool's answer is to call it by.", "call_1"),
    type: described(z.literal("function"), "The kind of tool.", "function"),
    function: described(
      z.object({
        name: described(z.string(), "The function.", "add"),
        arguments: described(z.string(), "Its arguments, JSON as the model wrote it.", '{"a": 1, "b": 2}'),
      }),
      "What is called.",
      { name: "add", arguments: '{"a": 1, "b": 2}' },
    ),
  })
  .meta({ id: "ToolCall" });

/** What is new of a call, in a stream: its id and name come first, its arguments piece by piece. */
export const callDelta = z
  .object({
    index: described(z.number().int(), "Which of the answer's calls.", 0),
    id: described(z.string().optional(), "With its name.", "call_1"),
    type: described(z.literal("function").optional(), "With its name.", "function"),
    function: described(
      z.object({
        name: described(z.string().optional(), "The function.", "add"),
        arguments: described(z.string().optional(), "More of its arguments.", '{"a": '),
      }),
      "What is new.",
      { arguments: '{"a": ' },
    ),
  })
  .meta({ id: "ToolCallDelta" });

export type AnsweredCall = z.output<typeof answeredCall>;
export type CallDelta = z.output<typeof callDelta>;
