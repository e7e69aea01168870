import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CompletionText } from "../../../src/decoder/completion-text.ts";
import { TextStream } from "../../../src/decoder/text-stream.ts";
import { StopMatcher } from "../../../src/decoder/stop-matcher.ts";
import { byteTokenizer } from "../../support/byte-tokenizer.ts";

const scored = (token: number) => ({ token, logprob: -1, logNormalizer: 0, entropy: 0 });

const textStreamOf = (stop: readonly string[]): TextStream =>
  new TextStream(new CompletionText(byteTokenizer(), { prompt: [], stop, ends: [] }));

/** Pushes the bytes of a text one token each, and returns the parts that were released. */
function stream(text: string, stops: readonly string[] = []) {
  const textStream = textStreamOf(stops);
  const parts = [];
  const bytes = [...new TextEncoder().encode(text)];
  let pushed = 0;
  for (const byte of bytes) {
    parts.push(textStream.push(scored(byte)));
    pushed++;
    if (textStream.stop !== undefined) break;
  }
  parts.push(textStream.flush());
  return { parts, pushed, stop: textStream.stop, text: parts.map((part) => part.text).join("") };
}

const texts = fc.string({
  unit: fc.constantFrom("a", "b", "ab", "é", "漢", "👩‍🚀", "\ufeff", " "),
  maxLength: 20,
});
const stops = fc.array(
  fc.string({ unit: fc.constantFrom("a", "b", "é", "漢"), minLength: 1, maxLength: 4 }),
  { maxLength: 3 },
);

describe("TextStream", () => {
  it("releases characters whole, and every token once, with its text", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { parts, text: released } = stream(text);
        expect(released).toBe(text);
        for (const part of parts) expect(part.text).toBe(part.text.toWellFormed());
        const tokens = parts.flatMap((part) => part.tokens);
        expect(tokens).toHaveLength(new TextEncoder().encode(text).length);
        const offsets = tokens.map(({ offset }) => offset);
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      }),
      { seed: 1 },
    );
  });

  it("cuts exactly before the stop string that is complete first, and never releases part of one", () => {
    fc.assert(
      fc.property(texts, stops, (text, list) => {
        const { text: released, stop } = stream(text, list);
        const ends = list
          .filter((candidate) => text.includes(candidate))
          .map((candidate) => text.indexOf(candidate) + candidate.length);
        if (ends.length === 0) {
          expect(stop).toBeUndefined();
          expect(released).toBe(text);
          return;
        }
        expect(list).toContain(stop);
        const cut = text.indexOf(stop!);
        expect(released).toBe(text.slice(0, cut));
        expect(Math.min(...ends)).toBe(cut + stop!.length);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it("holds back only what may be the start of a stop string", () => {
    const matcher = new StopMatcher(["</answer>", "END"]);
    expect(matcher.push("abc</ans").released).toBe("abc");
    expect(matcher.push("x").released).toBe("</ansx");
    expect(matcher.push("E").released).toBe("");
    expect(matcher.push("NE").released).toBe("EN");
    expect(matcher.flush()).toBe("E");
  });

  it("shows the rest of an unfinished character at the end", () => {
    const textStream = textStreamOf([]);
    expect(textStream.push(scored(0xe6))).toMatchObject({ text: "" });
    expect(textStream.flush().text).toBe("\ufffd");
  });
});
