import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../../src/decoder/chat-template.ts";
import type { ChatMessage } from "../../../src/decoder/chat-template.ts";
import { LocalPromptEncoder } from "../../../src/decoder/prompts/local-prompt-encoder.ts";
import type { TokenizerJson } from "../../../src/decoder/token-bytes.ts";
import { Tokenizer } from "../../../src/decoder/tokenizer.ts";
import { encode } from "../../support/encode.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/tokenizers", import.meta.url));
const read = (name: string, file: string): unknown =>
  JSON.parse(readFileSync(join(fixtures, name, file), "utf8"));

/** What the Rust library made of the same texts; test/fixtures/make_tokenizers.py recorded it. */
interface Expected {
  readonly texts: readonly { text: string; ids: number[]; withSpecial: number[]; decoded: string }[];
  readonly conversation: readonly ChatMessage[];
  readonly rendered: string;
  readonly renderedIds: number[];
}

describe.each(["llama3", "qwen2", "smollm2", "llama2", "llama2-new", "gemma"])(
  "a tokenizer of %s",
  (name) => {
    const config = read(name, "tokenizer_config.json") as Record<string, unknown>;
    const json = read(name, "tokenizer.json") as TokenizerJson;
    const tokenizer = new Tokenizer(json, config);
    const template = new ChatTemplate(config.chat_template as string, config);
    const prompts = new LocalPromptEncoder(() => Promise.resolve(json), template);
    const expected = read(name, "expected.json") as Expected;

    it.each(expected.texts)("has the Rust library's ids: $text", async ({ text, ids, withSpecial }) => {
      expect(await encode(prompts, { text, addSpecialTokens: false })).toEqual(ids);
      expect(await encode(prompts, { text, addSpecialTokens: true })).toEqual(withSpecial);
    });

    it.each(expected.texts)("has the Rust library's text, also token by token: $text", ({ ids, decoded }) => {
      expect(tokenizer.decode(ids)).toBe(decoded);
      const stream = tokenizer.stream();
      let text = "";
      for (const id of ids) {
        text += stream.push(id);
        // What was shown stays.
        expect(decoded.startsWith(text)).toBe(true);
      }
      expect(text + stream.flush()).toBe(decoded);
    });

    it("renders conversations as transformers does, and tokenizes them the same", async () => {
      const rendered = template.render(expected.conversation, { addGenerationPrompt: true });
      expect(rendered).toBe(expected.rendered);
      const chat = { messages: expected.conversation, addGenerationPrompt: true };
      expect(await encode(prompts, chat)).toEqual(expected.renderedIds);
    });
  },
);

describe("a byte-level tokenizer that cuts by GPT-2's pattern", () => {
  const json = read("smollm2", "tokenizer.json") as TokenizerJson;
  const prompts = new LocalPromptEncoder(() => Promise.resolve(json), undefined);

  // By the Rust library. JavaScript's \s has U+FEFF and lacks U+0085.
  it.each([
    ["a\uFEFF's", [64, 171, 884, 6, 82]],
    ["  \uFEFFa", [220, 220, 171, 884, 64]],
    ["a\u0085\u0085b", [64, 126, 227, 126, 227, 65]],
  ])("takes Unicode's white space for space: %j", async (text, ids) => {
    expect(await encode(prompts, { text, addSpecialTokens: false })).toEqual(ids);
  });
});
