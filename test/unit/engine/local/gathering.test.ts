import { describe, expect, it } from "vitest";
import { gatheringMs } from "../../../../src/engine/local/gathering.ts";
import type { Schedulable } from "../../../../src/engine/local/schedule.ts";

const limits = { maxRowTokens: 64, maxTokens: 64, maxRowLogits: 4, maxLogits: 8, longRows: "fresh" } as const;
const context = { limits, passTimes: { prefillMs: (tokens: number) => tokens } };

const sequence: Schedulable = {
  cached: 0,
  pending: 20,
  unmeasured: 19,
  priority: "interactive",
  isPulled: true,
  isFollowing: false,
  patienceMs: 1000,
  arrival: 1,
  clientsLastPrefill: 0,
  lastPrefill: 0,
};
const chunk = { sequence, position: 0, count: 20 };
const plan = { decoding: [], chunks: [chunk], heldUp: [] };

describe("gatheringMs", () => {
  it("is a tenth of what the prompts take, and 3 ms at most", () => {
    expect(gatheringMs(plan, context)).toBeCloseTo(2, 12);
    expect(gatheringMs({ ...plan, chunks: [chunk, chunk] }, context)).toBe(3);
  });

  it.each([
    ["nothing is to be run", { ...plan, chunks: [] }],
    ["a sequence decodes", { ...plan, decoding: [sequence] }],
    [
      "somebody watches",
      { ...plan, chunks: [chunk, { ...chunk, sequence: { ...sequence, patienceMs: 0 } }] },
    ],
    [
      "a request is beyond its first prompt",
      { ...plan, chunks: [{ ...chunk, sequence: { ...sequence, lastPrefill: 7 } }] },
    ],
  ])("is none where %s", (_where, planned) => {
    expect(gatheringMs(planned, context)).toBe(0);
  });

  it("is none where prompts run one by one in any case", () => {
    expect(gatheringMs(plan, { ...context, limits: { ...limits, longRows: "alone" } })).toBe(0);
  });
});
