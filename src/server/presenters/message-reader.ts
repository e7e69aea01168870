import { CallReader } from "../../tools/call-reader.ts";
import type { AnswerPart } from "../../tools/call-reader.ts";
import { uniqueId } from "../ids.ts";
import type { AnsweredCall, CallDelta } from "../schemas/tools.ts";
import type { ToolPlan } from "../tool-plan.ts";

/** What is new of a message. */
export interface MessageDelta {
  readonly content?: string;
  readonly tool_calls?: CallDelta[];
}

/** Some templates take ids of so many letters and digits alone. */
const shortIdLength = 9;

/** Makes one choice's message of its text: what it says, and what it calls. */
export class MessageReader {
  readonly #reader: CallReader | undefined;
  readonly #hasShortIds: boolean;

  /** @param tools where they may be called */
  constructor(tools: ToolPlan | undefined) {
    this.#reader = tools && readerOf(tools);
    this.#hasShortIds = tools?.format.hasShortIds ?? false;
  }

  get callsTools(): boolean {
    return (this.#reader?.calls ?? 0) > 0;
  }

  /** @param text more of the answer's */
  push(text: string): MessageDelta {
    return this.#reader === undefined ? { content: text } : this.#deltaOf(this.#reader.push(text));
  }

  /** What was held back. */
  end(): MessageDelta {
    return this.#deltaOf(this.#reader?.end() ?? []);
  }

  /** As `push`, piece by piece in the order in which they were written. */
  *pushInOrder(text: string): Generator<MessageDelta, void, undefined> {
    if (this.#reader === undefined) yield { content: text };
    else for (const part of this.#reader.push(text)) yield this.#deltaOf([part]);
  }

  /** As `end`, piece by piece. */
  *endInOrder(): Generator<MessageDelta, void, undefined> {
    for (const part of this.#reader?.end() ?? []) yield this.#deltaOf([part]);
  }

  #deltaOf(parts: readonly AnswerPart[]): MessageDelta {
    const content = parts.map((part) => (part.type === "content" ? part.text : "")).join("");
    const calls = new Map<number, CallDelta>();
    for (const part of parts) {
      if (part.type === "call") calls.set(part.index, this.#begin(part));
      else if (part.type === "arguments") {
        const { index, text } = part;
        const begun = calls.get(index) ?? { index, function: { arguments: "" } };
        const so = begun.function.arguments ?? "";
        calls.set(index, { ...begun, function: { ...begun.function, arguments: so + text } });
      }
    }
    return {
      ...(content === "" ? {} : { content }),
      ...(calls.size === 0 ? {} : { tool_calls: [...calls.values()] }),
    };
  }

  #begin({ index, name, id }: AnswerPart & { readonly type: "call" }): CallDelta {
    const own = this.#hasShortIds ? uniqueId().slice(0, shortIdLength) : `call_${uniqueId()}`;
    return { index, id: id ?? own, type: "function", function: { name, arguments: "" } };
  }
}

function readerOf({ format, calls, mostCalls }: ToolPlan): CallReader {
  const names = new Set(calls.tools.map(({ name }) => name));
  return new CallReader(format, names, mostCalls);
}

/** The message of a whole text. */
export function readMessage(
  text: string,
  tools: ToolPlan | undefined,
): { readonly content: string | null; readonly tool_calls?: AnsweredCall[] } {
  const reader = new MessageReader(tools);
  const deltas = [reader.push(text), reader.end()];
  const content = deltas.map((delta) => delta.content ?? "").join("");
  const calls: AnsweredCall[] = [];
  for (const delta of deltas.flatMap(({ tool_calls = [] }) => tool_calls)) {
    const { index, id, function: said } = delta;
    const call = (calls[index] ??= {
      id: id!,
      type: "function",
      function: { name: said.name!, arguments: "" },
    });
    call.function.arguments += said.arguments ?? "";
  }
  if (calls.length === 0) return { content };
  return { content: content === "" ? null : content, tool_calls: calls };
}
