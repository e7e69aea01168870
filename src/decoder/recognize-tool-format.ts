import type { ChatMessage, ChatTemplate } from "./chat-template.ts";
import type { CallForm, ToolFormat } from "../tools/tool-format.ts";

/** Names and texts that no template has. */
const [tool, otherTool, parameter, said, asked] = [
  "probe_tool",
  "probe_other_tool",
  "probe_parameter",
  "probe said so",
  "probe asked so",
];
const [shortId, longId] = ["probe0001", "call_probe_0123456789"];

/** As Python writes JSON, spaces or none. */
const objectOf = (name: string): RegExp =>
  new RegExp(
    `\\{\\s*"name":\\s*"${name}",\\s*"(arguments|parameters)":\\s*\\{\\s*"${parameter}":\\s*7\\s*\\}(,\\s*"id":\\s*"\\w+")?\\s*\\}`,
  );
const namedOf = (name: string): RegExp =>
  new RegExp(`${name}(?:([^{}"\\w][^{}"]*?)probe\\d+)?([^{}"\\w][^{}"]*?)\\{\\s*"${parameter}":\\s*7\\s*\\}`);

/**
 * How a template has its model call tools: by what it writes where the assistant called some. Measured, since templates
 * of one family differ, and those of several agree.
 * @returns `undefined` where it shows the model no tools, or writes calls in a form that is not read here
 */
export function recognizeToolFormat(template: ChatTemplate): ToolFormat | undefined {
  const one = written(template, [tool], shortId);
  if (one === undefined) return undefined;
  const found = findCall(one, tool);
  if (found === undefined) return undefined;
  const two = written(template, [tool, otherTool], shortId);
  return {
    before: one.slice(0, found.start),
    between: two === undefined ? undefined : betweenCalls(two),
    after: one.slice(found.end),
    call: found.form,
    hasShortIds: written(template, [tool], longId) === undefined,
  };
}

interface FoundCall {
  readonly start: number;
  readonly end: number;
  readonly form: CallForm;
}

function findCall(text: string, name: string): FoundCall | undefined {
  const object = objectOf(name).exec(text);
  const found = object ?? namedOf(name).exec(text);
  if (found === null) return undefined;
  const form: CallForm =
    object === null
      ? { type: "named", idSeparator: found[1], separator: found[2]! }
      : { type: "object", argumentsKey: object[1] as "arguments" | "parameters" };
  return { start: found.index, end: found.index + found[0].length, form };
}

function betweenCalls(text: string): string | undefined {
  const [first, second] = [findCall(text, tool), findCall(text, otherTool)];
  return first === undefined || second === undefined ? undefined : text.slice(first.end, second.start);
}

/**
 * What a template writes as the answer of an assistant that called these tools, without what it writes around any
 * answer.
 * @returns `undefined` where it refuses to, or does not show the tools
 */
function written(template: ChatTemplate, names: readonly string[], id: string): string | undefined {
  const question = { role: "user", content: asked };
  const calls = names.map((name, index) => ({
    id: id.slice(0, -1) + String(index + 1),
    type: "function",
    function: { name, arguments: { [parameter]: 7 } },
  }));
  const tools = [tool, otherTool].map((name) => ({
    type: "function",
    function: {
      name,
      description: "A probe.",
      parameters: {
        type: "object",
        properties: { [parameter]: { type: "integer", description: "A number." } },
      },
    },
  }));
  const render = (answer: ChatMessage): string =>
    template.render([question, answer], { addGenerationPrompt: false, variables: { tools } });
  try {
    const plain = render({ role: "assistant", content: said });
    const calling = render({ role: "assistant", content: "", tool_calls: calls });
    const at = plain.lastIndexOf(said);
    const [before, tail] = [plain.slice(0, at), plain.slice(at + said.length)];
    // Some put a space before what is said, and none before calls.
    const head = calling.startsWith(before) ? before : before.trimEnd();
    if (!head.includes(tool) || !calling.startsWith(head) || !calling.endsWith(tail)) return undefined;
    return calling.slice(head.length, calling.length - tail.length);
  } catch {
    return undefined;
  }
}
