import type {
  GeneratedToken,
  CompletionEvent,
  GenerateRequest,
  Completer,
} from "../src/decoder/completer.ts";

export type Asked = Pick<GenerateRequest, "prompt" | "settings" | "maxTokens" | "seed" | "choice"> &
  Partial<Pick<GenerateRequest, "topCount" | "ignoreEnd">>;

export type Completed = Extract<CompletionEvent, { type: "finish" }> & {
  readonly text: string;
  readonly tokens: readonly GeneratedToken[];
};

/** A completion as a whole. */
export async function complete(completer: Completer, request: Asked): Promise<Completed> {
  let text = "";
  const tokens: GeneratedToken[] = [];
  const events = completer.complete({ stop: [], topCount: 0, ...request }, new AbortController().signal);
  for await (const event of events) {
    if (event.type === "finish") return { ...event, text, tokens };
    if (event.type !== "text") continue;
    text += event.text;
    tokens.push(...event.tokens);
  }
  throw new Error("the completer ended without a finish");
}
