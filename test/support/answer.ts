import type { Completer, CompletionEvent, GenerateRequest } from "../../src/decoder/completer.ts";
import { never } from "./toy-engine.ts";

/** All of what a completer gives to a request. */
export interface Answer {
  readonly tokens: readonly number[];
  readonly text: string;
  readonly finish: CompletionEvent & { readonly type: "finish" };
}

export async function answerOf(completer: Completer, request: GenerateRequest): Promise<Answer> {
  const tokens: number[] = [];
  let text = "";
  for await (const event of completer.complete(request, never)) {
    if (event.type === "finish") return { tokens, text, finish: event };
    if (event.type !== "text") continue;
    for (const { token } of event.tokens) tokens.push(token);
    text += event.text;
  }
  throw new Error("no finish");
}
