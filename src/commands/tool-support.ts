import type { PromptEncoder } from "../decoder/completer.ts";
import { marksOf } from "../tools/tool-format.ts";
import type { ToolFormat } from "../tools/tool-format.ts";

/** Whether requests may bring a model tools, and how it then calls them. */
export type ToolSupport =
  | {
      /** An object of a name and arguments, several of them in a list, or a name with its arguments behind it. */
      readonly form: "object" | "list" | "named";
      /** What stands before calls and after them; empty for nothing. */
      readonly opening: string;
      readonly closing: string;
      /** Whether an answer may call several. */
      readonly several: boolean;
    }
  | { readonly refused: string };

/** Found out by having the chat template write calls. */
export async function findToolSupport(prompts: PromptEncoder): Promise<ToolSupport> {
  if (!prompts.takesChats)
    return { refused: "the model has no chat template; serve --chat-template FILE gives one" };
  const format = await prompts.toolFormat({ param: "tools", signal: new AbortController().signal });
  if (format !== undefined) return supportOf(format);
  return {
    refused:
      "the chat template shows the model none, or has calls written in a form that is not known; serve --chat-template FILE takes another (templates/chatml-tools.jinja is one for models of ChatML)",
  };
}

function supportOf(format: ToolFormat): ToolSupport {
  const { opening, closing, isList } = marksOf(format);
  const form = format.call.type === "named" ? "named" : isList ? "list" : "object";
  return { form, opening, closing, several: format.between !== undefined };
}

const inWords = {
  object: "JSON",
  list: "a list of JSON",
  named: "a name with JSON behind it",
};

export function describeToolSupport(support: ToolSupport): string {
  if ("refused" in support) return `refused: ${support.refused}`;
  const { form, opening, closing, several } = support;
  const place =
    opening === ""
      ? "as the whole answer"
      : closing === ""
        ? `after ${JSON.stringify(opening)}`
        : `between ${JSON.stringify(opening)} and ${JSON.stringify(closing)}`;
  return `called by ${inWords[form]} ${place}, ${several ? "several" : "one"} an answer`;
}
