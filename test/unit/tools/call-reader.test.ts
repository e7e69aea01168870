import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallReader } from "../../../src/tools/call-reader.ts";
import type { AnswerPart } from "../../../src/tools/call-reader.ts";
import type { ToolFormat } from "../../../src/tools/tool-format.ts";

const object = { type: "object", argumentsKey: "arguments" } as const;
const formats = {
  hermes: {
    before: "<tool_call>\n",
    between: "\n</tool_call>\n<tool_call>\n",
    after: "\n</tool_call>",
    call: object,
    hasShortIds: false,
  },
  llama3: {
    before: "",
    between: undefined,
    after: "",
    call: { type: "object", argumentsKey: "parameters" },
    hasShortIds: false,
  },
  mistral: { before: "[TOOL_CALLS] [", between: ", ", after: "]", call: object, hasShortIds: true },
  named: {
    before: "[TOOL_CALLS]",
    between: "[TOOL_CALLS]",
    after: "",
    call: { type: "named", idSeparator: undefined, separator: "[ARGS]" },
    hasShortIds: true,
  },
  "named, with ids": {
    before: "[TOOL_CALLS]",
    between: "[TOOL_CALLS]",
    after: "",
    call: { type: "named", idSeparator: "[CALL_ID]", separator: "[ARGS]" },
    hasShortIds: true,
  },
} as const satisfies Record<string, ToolFormat>;
type FormatName = keyof typeof formats;

interface Read {
  content: string;
  calls: { name: string; id?: string; arguments: string }[];
}

function gather(parts: readonly AnswerPart[]): Read {
  const read: Read = { content: "", calls: [] };
  for (const part of parts) {
    if (part.type === "content") read.content += part.text;
    else if (part.type === "arguments") read.calls[part.index]!.arguments += part.text;
    else
      read.calls.push({ name: part.name, ...(part.id === undefined ? {} : { id: part.id }), arguments: "" });
  }
  return read;
}

const names = new Set(["f", "g"]);

/** Reads a text in pieces of so many characters. */
function read(format: ToolFormat, text: string, size = Infinity, mostCalls?: number): Read {
  const reader = new CallReader(format, names, mostCalls);
  const parts: AnswerPart[] = [];
  for (let at = 0; at < text.length; at += size) parts.push(...reader.push(text.slice(at, at + size)));
  parts.push(...reader.end());
  const found = gather(parts);
  expect(reader.calls).toBe(found.calls.length);
  return found;
}

const call = (name: string, text: string, id?: string): Read["calls"][number] => ({
  name,
  ...(id === undefined ? {} : { id }),
  arguments: text,
});

const cases: readonly [FormatName, string, Read][] = [
  // What was told of a call stands: its first name and its first arguments.
  [
    "hermes",
    '<tool_call>{"name": "f", "arguments": {"a":1}, "arguments": {"b":2}, "name": "g"}</tool_call>',
    { content: "", calls: [call("f", '{"a":1}')] },
  ],
  [
    "llama3",
    '{"name": "f", "parameters": "{\\"a\\": 1}", "arguments": {}}',
    { content: "", calls: [call("f", '{"a": 1}')] },
  ],
  // Nothing that was written is lost.
  ["named", "Well. [TOOL_CALLS]f[ARGS]nope", { content: "Well. [TOOL_CALLS]f[ARGS]nope", calls: [] }],
  [
    "hermes",
    '<tool_call>{"name": "f", "arguments": {}, oops}</tool_call>',
    { content: "oops}</tool_call>", calls: [call("f", "{}")] },
  ],
  [
    "hermes",
    '<tool_call>{"name": "f", "arguments": {} </tool_call> So.',
    { content: " So.", calls: [call("f", "{}")] },
  ],
  ["hermes", "Hello.", { content: "Hello.", calls: [] }],
  [
    "hermes",
    'Sure.\n<tool_call>\n{"name": "f", "arguments": {"a": "x}\\"<tool_call>", "b": [1, 2]}}\n</tool_call>\n<tool_call>{"arguments":{"z":1},"name":"g"}</tool_call>\n',
    { content: "Sure.", calls: [call("f", '{"a": "x}\\"<tool_call>", "b": [1, 2]}'), call("g", '{"z":1}')] },
  ],
  ["hermes", '<tool_call>{"name":"f"}</tool_call>', { content: "", calls: [call("f", "{}")] }],
  [
    "hermes",
    '<tool_call>{"name":"f","arguments":"{\\"a\\":1}"}</tool_call>',
    { content: "", calls: [call("f", '{"a":1}')] },
  ],
  [
    "hermes",
    '<tool_call>{"name":"f","arguments":null}</tool_call>',
    { content: "", calls: [call("f", "null")] },
  ],
  // Without its end.
  ["hermes", '<tool_call>\n{"name": "f", "arguments": {"a":', { content: "", calls: [call("f", '{"a":')] }],
  [
    "hermes",
    '<tool_call>{"name":"f","arguments":{}} and more',
    { content: " and more", calls: [call("f", "{}")] },
  ],
  // What is no call is said.
  ["hermes", "a < b <tool", { content: "a < b <tool", calls: [] }],
  [
    "hermes",
    "<tool_call>\nnot JSON\n</tool_call> so",
    { content: "<tool_call>\nnot JSON\n</tool_call> so", calls: [] },
  ],
  [
    "hermes",
    '<tool_call>{"name": 3}</tool_call>',
    { content: '<tool_call>{"name": 3}</tool_call>', calls: [] },
  ],
  ["hermes", '<tool_call>{"a": 3}</tool_call>', { content: '<tool_call>{"a": 3}</tool_call>', calls: [] }],
  ["hermes", '<tool_call>{"na', { content: '<tool_call>{"na', calls: [] }],
  ["hermes", "<<tool_call>x", { content: "<<tool_call>x", calls: [] }],
  ["hermes", '<tool_<tool_call>{"name":"f","arguments":{}}', { content: "<tool_", calls: [call("f", "{}")] }],
  ["hermes", " \n", { content: " \n", calls: [] }],
  ["llama3", '{"name": "f", "parameters": {"a": 1}}', { content: "", calls: [call("f", '{"a": 1}')] }],
  ["llama3", '\n\n{"name": "f", "arguments": {}}', { content: "", calls: [call("f", "{}")] }],
  [
    "llama3",
    '<|python_tag|>{"name": "f", "parameters": {"a": 1}}; {"name": "g", "parameters": {}}',
    { content: "", calls: [call("f", '{"a": 1}'), call("g", "{}")] },
  ],
  ["llama3", '{"name": "Ada", "age": 36}', { content: '{"name": "Ada", "age": 36}', calls: [] }],
  ["llama3", '{"a": 1} is JSON', { content: '{"a": 1} is JSON', calls: [] }],
  [
    "llama3",
    'Say {"name": "f", "parameters": {}}',
    { content: 'Say {"name": "f", "parameters": {}}', calls: [] },
  ],
  ["llama3", "<|python", { content: "<|python", calls: [] }],
  [
    "mistral",
    '[TOOL_CALLS] [{"name": "f", "arguments": {"a": "]"}}, {"name":"g","arguments":{}, "id": "x"}]',
    { content: "", calls: [call("f", '{"a": "]"}'), call("g", "{}")] },
  ],
  ["mistral", '[TOOL_CALLS]{"name": "f", "arguments": {}}', { content: "", calls: [call("f", "{}")] }],
  ["mistral", "[TOOL_CALLS] none", { content: "[TOOL_CALLS] none", calls: [] }],
  ["mistral", "see [TOOL", { content: "see [TOOL", calls: [] }],
  [
    "named",
    '[TOOL_CALLS]f[ARGS]{"a": {"b": 2}}[TOOL_CALLS]g[ARGS]{}',
    { content: "", calls: [call("f", '{"a": {"b": 2}}'), call("g", "{}")] },
  ],
  ["named", "[TOOL_CALLS]f g h[ARGS]{}", { content: "[TOOL_CALLS]f g h[ARGS]{}", calls: [] }],
  [
    "named, with ids",
    '[TOOL_CALLS]f[CALL_ID]abc123456[ARGS]{"a": 1}',
    { content: "", calls: [call("f", '{"a": 1}', "abc123456")] },
  ],
];

describe("calls are told from what is said", () => {
  it.each(cases)("as %s writes them: %j", (format, text, expected) => {
    for (const size of [1, 2, 3, 7, Infinity]) expect(read(formats[format], text, size)).toEqual(expected);
  });

  it("but no more than are asked for", () => {
    const [first, second] = ['{"name":"f","arguments":{}}', '{"name":"g","arguments":{}}'];
    const text = `<tool_call>${first}</tool_call><tool_call>${second}</tool_call>`;
    expect(read(formats.hermes, text, 1, 1)).toEqual({ content: "", calls: [call("f", "{}")] });
  });

  it("as soon as they are known", () => {
    const reader = new CallReader(formats.hermes, names);
    expect(reader.push('<tool_call>{"name": "f"')).toEqual([
      { type: "call", index: 0, name: "f", id: undefined },
    ]);
    expect(reader.push(', "arguments": {"a')).toEqual([{ type: "arguments", index: 0, text: '{"a' }]);
    expect(reader.push('": 1}')).toEqual([{ type: "arguments", index: 0, text: '": 1}' }]);
  });

  const arbitraryCall = fc.record({
    name: fc.constantFrom(...names),
    arguments: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
  });

  it.each(Object.keys(formats) as FormatName[])("whatever the arguments of %s are", (name) => {
    const format: ToolFormat = formats[name];
    const write = (value: { readonly name: string; readonly arguments: unknown }): string => {
      const text = JSON.stringify(value.arguments);
      if (format.call.type === "object") {
        const { argumentsKey } = format.call;
        return `{"name": ${JSON.stringify(value.name)}, "${argumentsKey}": ${text}}`;
      }
      const { idSeparator, separator } = format.call;
      return `${value.name}${idSeparator === undefined ? "" : `${idSeparator}id1234567`}${separator}${text}`;
    };
    fc.assert(
      fc.property(
        fc.array(arbitraryCall, { minLength: 1, maxLength: format.between === undefined ? 1 : 3 }),
        fc.integer({ min: 1, max: 20 }),
        (calls, size) => {
          const text = format.before + calls.map(write).join(format.between) + format.after;
          const found = read(format, text, size);
          expect(found.content).toBe("");
          expect(found.calls.map(({ name: called }) => called)).toEqual(calls.map((one) => one.name));
          for (const [index, { arguments: text }] of found.calls.entries())
            expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(calls[index]!.arguments)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("and all of a text that has none is said", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("<", "tool_call", ">", "{", "a", "\n", "[") }),
        (text) => {
          fc.pre(!text.includes("{"));
          for (const size of [1, 4])
            expect(read(formats.hermes, text, size)).toEqual({ content: text, calls: [] });
        },
      ),
      { numRuns: 200 },
    );
  });
});
