import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CompletionText } from "../../../src/decoder/completion-text.ts";
import { TextStream } from "../../../src/decoder/text-stream.ts";
import type { TokenIds } from "../../../src/core/tokens.ts";
import type { DecoderJson } from "../../../src/decoder/spelling.ts";
import { Tokenizer } from "../../../src/decoder/tokenizer.ts";
import { encode } from "../../support/encode.ts";
import { fixturePrompts, fixtureTokenizer, tokenizerFile } from "../../support/fixture-tokenizer.ts";
import { byteTokenizerJson } from "../../support/byte-tokenizer.ts";

/** What the Rust library makes of them; test/fixtures/make_continuations.py recorded it. */
interface Case {
  readonly prompt: TokenIds;
  readonly completion: TokenIds;
  readonly text: string;
  readonly withSpecial: string;
}

const idsOf = (name: string, text: string): Promise<TokenIds> =>
  encode(fixturePrompts(name), { text, addSpecialTokens: false });

const scored = (token: number) => ({ token, logprob: -1, logNormalizer: 0, entropy: 0 });

interface Asked {
  readonly prompt?: TokenIds;
  readonly stop?: readonly string[];
  readonly ends?: TokenIds;
}

/** Reads a completion as it is answered: until a stop string, token by token. */
function read(tokenizer: Tokenizer, completion: TokenIds, { prompt = [], stop = [], ends = [] }: Asked) {
  const stream = new TextStream(new CompletionText(tokenizer, { prompt, stop, ends }));
  const parts = [];
  for (const token of completion) {
    parts.push(stream.push(scored(token)));
    if (stream.stop !== undefined) break;
  }
  parts.push(stream.flush());
  return {
    text: parts.map(({ text }) => text).join(""),
    tokens: parts.flatMap(({ tokens }) => tokens),
    stop: stream.stop,
  };
}

describe.each(["llama2", "llama2-new", "mistral", "unigram", "gemma", "qwen2"])(
  "a completion of %s",
  (name) => {
    const tokenizer = fixtureTokenizer(name);
    const cases = JSON.parse(readFileSync(tokenizerFile(name, "continuations.json"), "utf8")) as Case[];

    it("goes on from its prompt's text as the Rust library's streams do", () => {
      expect(cases.length).toBeGreaterThan(50);
      for (const { prompt, completion, text } of cases) {
        const answer = read(tokenizer, completion, { prompt });
        expect(answer.text).toBe(text);
        // And each token's text stands where its offset says.
        const offsets = answer.tokens.map(({ offset }) => offset);
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      }
    });

    it("ends at a stop string that begins with a space", () => {
      const inside = cases.filter(({ text }) => /^[^ ]* [^ ]/.test(text));
      expect(inside.length).toBeGreaterThan(10);
      for (const { prompt, completion, text } of inside) {
        const [stop] = / [^ ]/u.exec(text)!;
        expect(read(tokenizer, completion, { prompt, stop: [stop] })).toMatchObject({
          text: text.slice(0, text.indexOf(stop)),
          stop,
        });
      }
    });

    it("comes back whole with its prompt, special tokens included", () => {
      for (const { prompt, completion, withSpecial } of cases) {
        expect(tokenizer.decode([...prompt, ...completion], { keepSpecial: true })).toBe(withSpecial);
      }
    });
  },
);

describe("a text that begins with a special token", () => {
  it("loses the space of its first word, and none behind text", async () => {
    const tokenizer = fixtureTokenizer("mistral");
    const word = Array.from({ length: 1400 }, (_, id) => id).find((id) =>
      / [a-z]{2}/.test(tokenizer.textOf(id)),
    );
    const spelt = tokenizer.textOf(word!);
    const alone = spelt.slice(1);
    const [instruction, closing] = await idsOf("mistral", "[INST][/INST]");
    expect(read(tokenizer, [word!], { prompt: [1] }).text).toBe(alone);
    expect(read(tokenizer, [word!], { prompt: [1, instruction!, word!, closing!] }).text).toBe(spelt);
    expect(read(tokenizer, [closing!, word!, word!], { prompt: [1] }).text).toBe(`${alone} ${alone}`);
  });
});

describe("characters between prompt and completion", () => {
  it("are shown by the token that completes them", () => {
    const tokenizer = new Tokenizer(byteTokenizerJson(), {});
    expect(read(tokenizer, [0xac, 0x41], { prompt: [0x20, 0xe2, 0x82] }).text).toBe("€A");
    expect(read(tokenizer, [0xac, 0x41], { prompt: [0x20, 0xe2] }).text).toBe("\ufffdA");
    expect(read(tokenizer, [0x41], { prompt: [0xf0, 0x9f, 0x98, 0x80] }).text).toBe("A");
  });
});

describe("stop strings that name special tokens", () => {
  const tokenizer = fixtureTokenizer("qwen2");
  const ids = (text: string): Promise<TokenIds> => idsOf("qwen2", text);

  it.each([
    ["Hi<|im_end|> there", ["<|im_end|>"], "Hi", "<|im_end|>"],
    ["Hi\n<|im_start|>user: x", ["\n<|im_start|>user"], "Hi", "\n<|im_start|>user"],
    ["Hi<|im_start|>user", ["i<|im_start|>", "zz"], "H", "i<|im_start|>"],
    // Which may also arrive as ordinary text, or not be complete.
    ["Hi\n<|im_start|>use", ["\n<|im_start|>user"], "Hi\nuse", undefined],
    ["a\n<|im_start|>b\n<|im_start|>user", ["\n<|im_start|>user"], "a\nb", "\n<|im_start|>user"],
    // What is shown has no stop string in it, hidden tokens or not.
    ["ab<|im_end|>cd", ["bc"], "a", "bc"],
    ["ab<|im_end|>cd", ["|>", "<|"], "abcd", undefined],
    ["ab<|im_end|>cd", ["bc", "<|im_end|>c"], "a", "bc"],
    ["ab<|im_end|>cd", ["c", "ab<|im_end|>"], "", "ab<|im_end|>"],
  ])("%j with %j", async (text, stop, shown, found) => {
    expect(read(tokenizer, await ids(text), { stop })).toMatchObject({ text: shown, stop: found });
  });

  it("never keeps a token back for good", async () => {
    const completion = await ids("a\n<|im_start|>b<|im_end|>\n<|im_start|>");
    const { text, tokens } = read(tokenizer, completion, { stop: ["\n<|im_start|>user"] });
    expect(text).toBe("a\nb\n");
    expect(tokens.map(({ token }) => token)).toEqual(completion);
  });

  it("are nothing to the model's own end token, which adds no text", async () => {
    const prompt = await ids("x");
    const hi = await ids("Hi");
    const [imStart, imEnd, ordinary] = await ids("<|im_start|><|im_end|>!");
    expect(read(tokenizer, [...hi, imEnd!], { prompt, ends: [imEnd!], stop: ["<|im_end|>"] })).toMatchObject({
      text: "Hi",
      stop: undefined,
    });
    // Special or not.
    expect(read(tokenizer, [...hi, ordinary!], { prompt, ends: [ordinary!] }).text).toBe("Hi");
    expect(read(tokenizer, [...hi, imStart!, ordinary!], { prompt }).text).toBe("Hi!");
  });
});

describe("decoders of other makes", () => {
  const decoded = (decoder: DecoderJson, tokens: readonly string[]): string => {
    const vocab = Object.fromEntries([...new Set(["<unk>", ...tokens])].map((token, id) => [token, id]));
    const json = byteTokenizerJson();
    const model = { ...json.model, vocab };
    const tokenizer = new Tokenizer({ ...json, model, decoder }, {});
    return read(
      tokenizer,
      tokens.map((token) => vocab[token]!),
      {},
    ).text;
  };
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  const replace = { type: "Replace", pattern: { String: "▁" }, content: " " };
  const sequence = (...decoders: DecoderJson[]): DecoderJson => ({ type: "Sequence", decoders });

  // By the Rust library.
  it.each([
    [{ type: "Metaspace", replacement: "▁", prepend_scheme: "always" }, "a b"],
    [{ type: "Metaspace", replacement: "▁", prepend_scheme: "never" }, " a b"],
    [{ type: "Metaspace", replacement: "▁", add_prefix_space: true }, "a b"],
    [replace, " a b"],
    [sequence(replace, { type: "Fuse" }, strip), "a b"],
    [sequence(replace, strip), "ab"],
    [sequence(replace, { type: "ByteFallback" }, { type: "Fuse" }), " a b"],
  ])("%j", (decoder, text) => {
    expect(decoded(decoder, ["▁a", "▁b"])).toBe(text);
  });

  it("spell a byte-level token with a character outside the alphabet as it is", () => {
    expect(decoded({ type: "ByteLevel" }, ["Ġa", "a b", "Ġ漢"])).toBe(" aa bĠ漢");
  });
});
