import { describe, expect, it } from "vitest";
import { PackedTokens, packTokens } from "../../../src/decoder/packed-tokens.ts";

const top = (...ids: number[]) => ({
  ids: Int32Array.from(ids),
  logprobs: Float64Array.from(ids, (_, rank) => -rank - 0.1),
});

const tokens = [
  { token: 7, offset: 0, logprob: -0.1, logNormalizer: 0, entropy: 1.5, top: top(7, 2, 9) },
  { token: 2, offset: 4, logprob: -Infinity, logNormalizer: NaN, entropy: NaN, top: top(1, 2) },
  { token: 0, offset: 5, logprob: -2, logNormalizer: -1, entropy: 0 },
];

describe("packed tokens", () => {
  it("are the tokens that were packed, each with as many of the likeliest as it had and was asked for", () => {
    const packed = new PackedTokens(packTokens(tokens, 2));
    expect(packed).toHaveLength(3);
    expect([...packed]).toEqual([
      { ...tokens[0], top: top(7, 2) },
      tokens[1],
      { ...tokens[2], top: { ids: new Int32Array(), logprobs: new Float64Array() } },
    ]);
    expect([...new PackedTokens(packTokens(tokens, 0))]).toEqual(
      tokens.map(({ top: _top, ...token }) => token),
    );
  });

  it("keep the gaps of those that have some, and take no room for them where none has", () => {
    const bounded = [
      { ...tokens[0]!, logNormalizerGap: 0.01, entropyGap: 0.2 },
      tokens[1]!,
      { ...tokens[2]!, top: top(0), entropyGap: 0 },
      { ...tokens[2]!, top: top(3), logNormalizerGap: 0 },
    ];
    for (const topCount of [0, 1, 3]) {
      const packed = new PackedTokens(packTokens(bounded, topCount));
      const expected = bounded.map(({ top, ...token }) =>
        topCount === 0
          ? token
          : {
              ...token,
              top: { ids: top!.ids.slice(0, topCount), logprobs: top!.logprobs.slice(0, topCount) },
            },
      );
      expect([...packed]).toEqual(expected);
      expect(packed.at(-1)).toEqual(expected.at(-1));
    }
    expect(packTokens(bounded, 0).reals).toHaveLength(4 * 5);
    expect(packTokens(tokens, 0).reals).toHaveLength(3 * 3);
  });

  it("keep self-certainty where it was asked for, beside gaps and without", () => {
    for (const gaps of [{}, { logNormalizerGap: 0.01, entropyGap: 0.2 }]) {
      const certain = tokens.map((token, index) => ({ ...token, ...gaps, selfCertainty: index + 0.5 }));
      expect([...new PackedTokens(packTokens(certain, 0))]).toEqual(
        certain.map(({ top: _top, ...token }) => token),
      );
      expect(new PackedTokens(packTokens(certain, 2)).at(0)).toEqual({ ...certain[0], top: top(7, 2) });
    }
  });

  it("are read by place as an array is", () => {
    const packed = new PackedTokens(packTokens(tokens, 3));
    expect(packed.at(0)).toEqual(tokens[0]);
    expect(packed.at(-2)).toEqual(tokens[1]);
    expect([packed.at(3), packed.at(-4)]).toEqual([undefined, undefined]);
    expect([...new PackedTokens(packTokens([], 5))]).toEqual([]);
  });

  it("take little more than their numbers: none of a shared buffer comes along", () => {
    const slab = new Float64Array(1000);
    const few = { ids: new Int32Array(slab.buffer, 0, 1), logprobs: slab.subarray(1, 2) };
    const { integers, reals } = packTokens([{ ...tokens[2]!, top: few }], 1);
    expect(integers.buffer.byteLength + reals.buffer.byteLength).toBe(3 * 4 + 4 * 8);
  });
});
