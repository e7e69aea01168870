import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { LocalPromptEncoder } from "../../../src/decoder/prompts/local-prompt-encoder.ts";
import { Tokenizer } from "../../../src/decoder/tokenizer.ts";
import type { TokenizerJson } from "../../../src/decoder/token-bytes.ts";
import { encode } from "../../support/encode.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/tokenizer-kinds", import.meta.url));
const recorded = "expected-ids.json";
const read = (name: string, file: string): unknown =>
  JSON.parse(readFileSync(join(fixtures, name, file), "utf8"));

/** What the Rust library made of a text in Python; test/fixtures/make_tokenizer_kinds.py recorded it. */
interface Expected {
  readonly text: string;
  readonly ids: number[];
  /** Tokens more with special tokens. */
  readonly added: number;
}

const kinds = readdirSync(fixtures);

describe.each(kinds)("a tokenizer of the kind %s", (name) => {
  const json = read(name, "tokenizer.json") as TokenizerJson;
  const prompts = new LocalPromptEncoder(() => Promise.resolve(json), undefined);

  it.each(read(name, recorded) as Expected[])(
    "has the Rust library's ids: $text",
    async ({ text, ids, added }) => {
      expect(await encode(prompts, { text, addSpecialTokens: false })).toEqual(ids);
      expect(await encode(prompts, text)).toHaveLength(ids.length + added);
    },
  );
});

describe("a tokenizer.json whose tokens become too much text", () => {
  const replace = (from: object, content: string) => ({ type: "Replace", pattern: from, content });
  const open = (
    decoder: NonNullable<TokenizerJson["decoder"]> | null,
    changes: Partial<TokenizerJson> = {},
  ): Tokenizer => new Tokenizer({ model: { vocab: { a: 0 } }, decoder, ...changes }, {});

  it.each<[string, NonNullable<TokenizerJson["decoder"]>, string]>([
    ["by a pattern", replace({ Regex: "(a+)+b" }, "b"), "no Regex"],
    ["by a pattern, nested", { type: "Sequence", decoders: [replace({ Regex: "a" }, "b")] }, "no Regex"],
    ["between all characters", replace({ String: "" }, "b"), "one or more characters"],
    ["a million for one", replace({ String: "a" }, "b".repeat(1_000_000)), "more than 16 characters"],
    [
      "step by step",
      {
        type: "Sequence",
        decoders: ["a", "b", "c"].map((from) => replace({ String: from }, "bcd".repeat(2))),
      },
      "more than 16 characters",
    ],
  ])("is refused: it replaces %s", (_name, decoder, message) => {
    expect(() => open(decoder)).toThrow(message);
  });

  it("is refused where a token is too long", () => {
    const long = "a".repeat(5000);
    expect(() => open(null, { model: { vocab: { a: 0, [long]: 1 } } })).toThrow("token 1 has more than 4096");
    expect(() => open(null, { model: { vocab: [[long, 0]] } })).toThrow("token 0 has more than 4096");
    expect(() => open(null, { added_tokens: [{ id: 1, content: long, special: true }] })).toThrow(
      "more than 4096",
    );
  });

  it("is read where it replaces as decoders do", () => {
    const decoders = [replace({ String: "▁" }, " "), replace({ String: "</w>" }, " ")];
    const tokenizer = open({ type: "Sequence", decoders }, { model: { vocab: { "▁a</w>": 0 } } });
    expect(tokenizer.decode([0])).toBe(" a ");
  });
});

describe("a tokenizer.json that cuts, pads or draws", () => {
  const plain = read("bpe-o200k", "tokenizer.json") as TokenizerJson & { readonly model: object };
  const encoderOf = (changes: object): LocalPromptEncoder =>
    new LocalPromptEncoder(() => Promise.resolve({ ...plain, ...changes }), undefined);
  const text = "The quick brown fox jumps over the lazy dog. ".repeat(20);

  it.each([
    { truncation: { direction: "Right", max_length: 8, strategy: "LongestFirst", stride: 0 } },
    {
      padding: {
        strategy: { Fixed: 512 },
        direction: "Right",
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: "x",
      },
    },
    { model: { ...plain.model, dropout: 0.9 } },
  ])("is used whole: %o", async (changes) => {
    expect(await encode(encoderOf(changes), text)).toEqual(await encode(encoderOf({}), text));
  });
});
