import { InferenceError } from "../core/errors.ts";
import type { Json } from "../core/json-value.ts";
import { clip } from "../core/clip.ts";
import type { Completer } from "../decoder/completer.ts";
import type { Caller } from "./caller.ts";
import type { FieldNames } from "./field-names.ts";
import type { Given } from "./given.ts";
import { invalid } from "./invalid.ts";
import type { ChatRequest } from "./schemas/chat.ts";
import type { Tool } from "./schemas/tools.ts";
import type { CallableTool, CallForms } from "./tool-language.ts";

/** How calls are told from what an answer says. */
export interface ToolPlan extends CallForms {
  /** That are told. */
  readonly mostCalls: number;
}

/**
 * What a chat's tools come to; `undefined` where none may be called.
 * @throws InferenceError `invalid_request` for tools that contradict each other; `unsupported` where the template has no
 *   form for calls that is known
 */
export async function planTools(
  body: Given<ChatRequest>,
  { prompts, model }: Pick<Completer, "model" | "prompts">,
  caller: Caller,
  names: FieldNames,
): Promise<ToolPlan | undefined> {
  const { tool_choice: choice = "auto", parallel_tool_calls: isParallel } = body;
  const tools = callable(body.tools ?? [], names);
  if (tools.length === 0) {
    if (choice !== "none" && choice !== "auto")
      throw invalid("tool_choice", "tool_choice asks for a call, and there are no tools. Give tools.");
    return undefined;
  }
  if (choice === "none") return undefined;
  const wanted = typeof choice === "object" ? [named(tools, choice.function.name)] : tools;
  const format = await prompts.toolFormat({ param: "tools", ...caller });
  if (format === undefined) {
    throw new InferenceError(
      "unsupported",
      `tools: the chat template of '${model.id}' shows its model no tools, or has calls written in a form that is not known here. Start the server with --chat-template FILE (templates/chatml-tools.jinja is one for models of ChatML), or say tool_choice "none".`,
      { param: "tools" },
    );
  }
  const areSeveral = isParallel !== false && typeof choice !== "object";
  const calls = { tools: wanted, least: choice === "auto" ? 0 : 1, areSeveral } as const;
  return { format, calls, mostCalls: areSeveral ? Infinity : 1 };
}

function named(tools: readonly CallableTool[], name: string): CallableTool {
  const tool = tools.find(({ name: its }) => its === name);
  if (tool === undefined)
    throw invalid("tool_choice", `tool_choice asks for '${clip(name)}', which is none of the tools.`);
  return tool;
}

/** @throws InferenceError where two have one name */
function callable(tools: readonly Tool[], names: FieldNames): CallableTool[] {
  const taken = new Set<string>();
  return tools.map(({ function: { name, parameters, strict } }, index) => {
    const param = names.tool(index, "name");
    if (taken.has(name)) throw invalid(param, `${param}: '${clip(name)}' is there twice.`);
    taken.add(name);
    const schema = (parameters ?? { type: "object", additionalProperties: false }) as Json;
    return { name, schema, field: names.tool(index, "parameters"), isStrict: strict === true };
  });
}
