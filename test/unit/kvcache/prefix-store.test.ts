import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commonPrefixLength } from "../../../src/core/prefix.ts";
import { PrefixStore } from "../../../src/kvcache/prefix-store.ts";
import type { PrefixMatch } from "../../../src/kvcache/prefix-store.ts";

/** K/V of a token here is the token itself. */
const reader = (tokens: readonly number[]) => (from: number, to: number) => ({
  length: to - from,
  bytes: Uint8Array.from(tokens.slice(from, to)),
});

/** The tokens that copying a match's parts would put in place. */
function assemble({ parts, length }: PrefixMatch): number[] {
  const tokens: number[] = [];
  for (const { slice, at, from, to } of parts) {
    expect(at).toBe(tokens.length);
    tokens.push(...slice.bytes.subarray(from, to));
  }
  expect(tokens).toHaveLength(length);
  return tokens;
}

const sequences = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }), { maxLength: 40 });

describe("PrefixStore", () => {
  it("finds the longest prefix of anything stored", () => {
    fc.assert(
      fc.property(sequences, sequences, (stored, asked) => {
        const store = new PrefixStore(1_000_000);
        for (const tokens of stored) store.insert(tokens, reader(tokens));
        store.checkIntegrity();
        for (const tokens of asked) {
          const match = store.match(tokens, tokens.length);
          const longest = Math.max(0, ...stored.map((other) => commonPrefixLength(other, tokens)));
          expect(match.length).toBe(longest);
          expect(assemble(match)).toEqual(tokens.slice(0, longest));
          expect(store.match(tokens, tokens.length - 1).length).toBe(Math.min(longest, tokens.length - 1));
        }
      }),
      { seed: 1 },
    );
  });

  it("keeps its budget and its tree whole under eviction", () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 40 }), (stored, maxBytes) => {
        const store = new PrefixStore(maxBytes);
        for (const tokens of stored) {
          store.insert(tokens, reader(tokens));
          expect(store.bytes).toBeLessThanOrEqual(maxBytes);
          store.checkIntegrity();
          const match = store.match(tokens, tokens.length);
          expect(assemble(match)).toEqual(tokens.slice(0, match.length));
        }
        store.clear();
        expect(store.bytes).toBe(0);
        store.checkIntegrity();
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it("stores shared prefixes once, and evicts the least recently used branch", () => {
    const store = new PrefixStore(10);
    store.insert([1, 1, 1, 1], reader([1, 1, 1, 1]));
    store.insert([1, 1, 2, 2], reader([1, 1, 2, 2]));
    store.insert([1, 1, 3, 3], reader([1, 1, 3, 3]));
    expect(store.bytes).toBe(8);
    store.match([1, 1, 2, 2], 4);
    store.insert([5, 5, 5], reader([5, 5, 5]));
    expect(store.match([1, 1, 3, 3], 4).length).toBe(2);
    expect(store.match([1, 1, 2, 2], 4).length).toBe(4);
  });

  it("is due for a check when half of its segments are new, so that a full one costs no more than an empty one", () => {
    const store = new PrefixStore(1000);
    let [checks, visits] = [0, 0];
    for (let token = 0; token < 4096; token++) {
      store.insert([token], reader([token]));
      if (!store.isCheckDue) continue;
      checks++;
      visits += store.bytes;
      store.checkIntegrity();
    }
    expect(checks).toBeGreaterThan(4096 / 1000);
    expect(visits).toBeLessThanOrEqual(2 * 4096);
    expect(store.isCheckDue).toBe(false);
  });

  it("keeps nothing without a budget", () => {
    const store = new PrefixStore(0);
    store.insert([1, 2], reader([1, 2]));
    expect(store.match([1, 2], 2).length).toBe(0);
    store.checkIntegrity();
  });
});
