import type { GenerateEvent, GenerateRequest, Generator } from "../../src/decoder/generator.ts";
import { never } from "./toy-engine.ts";

/** All of what a generator gives to a request. */
export interface Answer {
  readonly tokens: readonly number[];
  readonly text: string;
  readonly finish: GenerateEvent & { readonly type: "finish" };
}

export async function answerOf(generator: Generator, request: GenerateRequest): Promise<Answer> {
  const tokens: number[] = [];
  let text = "";
  for await (const event of generator.generate(request, never)) {
    if (event.type === "finish") return { tokens, text, finish: event };
    if (event.type !== "text") continue;
    tokens.push(...event.tokens.map(({ token }) => token));
    text += event.text;
  }
  throw new Error("no finish");
}
