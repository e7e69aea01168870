import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { InferenceError } from "../../../src/core/errors.ts";
import { ChatTemplate } from "../../../src/decoder/chat-template.ts";
import type { ChatMessage, ContentPart } from "../../../src/decoder/chat-template.ts";
import { JinjaTemplate } from "../../../src/jinja/template.ts";

interface Case {
  readonly messages: readonly ChatMessage[];
  readonly options: Readonly<Record<string, unknown>>;
}
interface Rendering {
  readonly output?: string;
  readonly error?: string;
  readonly message?: string;
}

const fixtures = new URL("../../fixtures/jinja/", import.meta.url);
const source = (name: string): string => readFileSync(new URL(`templates/${name}.jinja`, fixtures), "utf8");
const { renders, cases, tokens, now } = JSON.parse(
  readFileSync(new URL("renders.json", fixtures), "utf8"),
) as {
  renders: Record<string, Record<string, Rendering>>;
  cases: Record<string, Case>;
  tokens: Record<string, string>;
  now: [number, number, number, number, number, number];
};

const rows = Object.entries(renders).flatMap(([name, of]) =>
  Object.entries(of).map(([conversation, rendering]) => ({ name, conversation, rendering })),
);

/**
 * What templates are given here, and servers give them, where transformers gives them content that they do not know:
 * those that take text alone get parts as one text, those that take parts alone a text as its only part.
 */
function known(name: string, given: Case): Case {
  const { contentFormat } = new JinjaTemplate(source(name));
  const change = { text: asText, parts: asParts, either: (content: Content) => content }[contentFormat];
  const messages = given.messages.map((message) => {
    const { role, content } = message;
    if (content === undefined || content === null) return message;
    return { ...message, content: role === "tool" ? asText(content) : change(content) };
  });
  return { ...given, messages };
}

type Content = string | readonly ContentPart[];

const asText = (content: Content): Content =>
  typeof content === "string" ? content : content.flatMap(({ text }) => text ?? []).join("\n");

const asParts = (content: Content): Content =>
  typeof content === "string" ? [{ type: "text", text: content }] : content;

/** What comes of it: the text, or the error. */
function outcome(name: string, { messages, options }: Case): string | InferenceError {
  const { add_generation_prompt: prompt = true, ...variables } = options;
  const template = new ChatTemplate(source(name), tokens);
  try {
    return template.render(messages, { addGenerationPrompt: prompt === true, variables });
  } catch (error) {
    if (error instanceof InferenceError) return error;
    throw error;
  }
}

describe("chat templates of models", () => {
  beforeAll(() => {
    const [year, month, ...rest] = now;
    vi.useFakeTimers({ now: new Date(year, month - 1, ...rest), toFake: ["Date"] });
  });
  afterAll(() => {
    vi.useRealTimers();
  });

  it("are held against transformers", () => {
    expect(Object.keys(renders).length).toBeGreaterThan(50);
  });

  it.each(rows)("$name: $conversation", ({ name, conversation, rendering }) => {
    const given = cases[conversation]!;
    const result = outcome(name, given);
    if (!isDeepStrictEqual(known(name, given), given)) {
      expect(result).toEqual(outcome(name, known(name, given)));
      return;
    }
    if (rendering.output !== undefined) {
      expect(result).toBe(rendering.output);
      return;
    }
    expect(result).toMatchObject({ code: "invalid_request", param: "messages" });
    // What the template itself says is passed on in its words.
    if (rendering.error === "TemplateError") expect(String(result)).toContain(rendering.message);
  });
});
