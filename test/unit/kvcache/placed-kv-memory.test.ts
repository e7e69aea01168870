import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HostKvRows } from "../../../src/kvcache/host-kv-rows.ts";
import { wholeOf } from "../../../src/kvcache/kv-memory.ts";
import { PlacedKvMemory } from "../../../src/kvcache/placed-kv-memory.ts";

const [lanes, heads, capacity, vectorBytes] = [5, 2, 6, 3];

function create(): PlacedKvMemory {
  const planes = [0, 1].map(() => new Uint8Array(lanes * heads * capacity * vectorBytes));
  return new PlacedKvMemory(new HostKvRows({ planes, count: lanes, heads, capacity, vectorBytes }));
}

const pattern = (seed: number, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, index) => (seed * 31 + index * 7) % 251);

describe("PlacedKvMemory", () => {
  it("keeps every lane's K/V while lanes trade places, whatever they hold", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: capacity }), { minLength: lanes, maxLength: lanes });
    const passes = fc.array(
      fc.record({
        chosen: fc.uniqueArray(fc.integer({ min: 0, max: lanes - 1 }), { minLength: 1 }),
        first: fc.integer({ min: 0, max: lanes - 1 }),
      }),
    );
    fc.assert(
      fc.property(lengths, passes, (held, windows) => {
        const memory = create();
        const slices = held.map((length, lane) => {
          const slice = { length, bytes: pattern(lane, length * memory.bytesPerToken) };
          memory.write(lane, 0, wholeOf(slice));
          return slice;
        });
        for (const { chosen, first } of windows) {
          const window = { first: Math.min(first, lanes - chosen.length), count: chosen.length };
          memory.gather(chosen, window);
          const rows = chosen.map((lane) => memory.rowOf(lane)).sort();
          expect(rows).toEqual(chosen.map((_, index) => window.first + index));
        }
        for (const [lane, { length, bytes }] of slices.entries()) {
          expect(memory.laneAt(memory.rowOf(lane))).toBe(lane);
          expect(memory.read(lane, 0, length).bytes).toEqual(bytes);
        }
      }),
    );
  });

  it("leaves lanes where they are that stand in the window, and takes the emptiest for the others' places", () => {
    const memory = create();
    const slice = { length: 3, bytes: pattern(1, 3 * memory.bytesPerToken) };
    for (const lane of [0, 1, 4]) memory.write(lane, 0, wholeOf(slice));
    memory.gather([4, 1], { first: 0, count: 3 });
    expect([0, 1, 2, 3, 4].map((lane) => memory.rowOf(lane))).toEqual([0, 1, 4, 3, 2]);
    expect(() => {
      memory.gather([0, 1, 2], { first: 0, count: 2 });
    }).toThrow("2 rows have no room for 3 lanes");
  });
});
