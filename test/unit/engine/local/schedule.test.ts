import { describe, expect, it } from "vitest";
import { schedule } from "../../../../src/engine/local/schedule.ts";
import type { Schedulable, ScheduleContext } from "../../../../src/engine/local/schedule.ts";

interface Named extends Schedulable {
  readonly name: string;
}

let arrivals = 0;
const sequence = (name: string, pending: number, changes: Partial<Schedulable> = {}): Named =>
  Object.freeze({
    name,
    pending,
    unmeasured: pending - 1,
    isPulled: true,
    isFollowing: false,
    priority: "interactive",
    arrival: ++arrivals,
    clientsLastPrefill: 0,
    lastPrefill: 0,
    ...changes,
  });

type Changes = Partial<Omit<ScheduleContext, "limits">> & {
  readonly limits?: Partial<ScheduleContext["limits"]>;
};

/** Rows that decode take 1 ms each, a chunk 1 ms a token. */
const passTimes = {
  decodeMs: (rows: number) => rows,
  prefillMs: (tokens: number) => tokens,
  longestChunkWithin: (ms: number) => Math.max(0, Math.floor(ms)),
  leastChunk: 1,
};

function plan(sequences: readonly Named[], { limits, ...changes }: Changes = {}) {
  const { decoding, chunk } = schedule(sequences, {
    limits: { maxRowTokens: 64, maxTokens: 67, maxRowLogits: 4, longRows: "alone", ...limits },
    passTimes,
    settings: { prefillChunk: 32 },
    chunksMs: 0,
    ...changes,
  });
  return { decoding: decoding.map(({ name }) => name), chunk: chunk && [chunk.sequence.name, chunk.count] };
}

describe("schedule", () => {
  const decoding = [sequence("a", 1), sequence("b", 1)];
  const prompt = sequence("prompt", 100);

  it("decodes every sequence that is pulled and has one token to run", () => {
    const idle = sequence("idle", 1, { isPulled: false });
    expect(plan([...decoding, idle])).toEqual({ decoding: ["a", "b"], chunk: undefined });
  });

  it("runs prompts before those that decode, as long as these can be made to wait", () => {
    const settings = { prefillChunk: 32, maxGapMs: 50 };
    const all = [...decoding, prompt];
    expect(plan(all, { settings })).toEqual({ decoding: [], chunk: ["prompt", 32] });
    // 48 ms are left beside the decode pass: another whole chunk fits in after 16 of them, and not after 17.
    expect(plan(all, { settings, chunksMs: 16 })).toEqual({ decoding: [], chunk: ["prompt", 32] });
    expect(plan(all, { settings, chunksMs: 17 })).toEqual({ decoding: ["a", "b"], chunk: undefined });
    const short = sequence("short", 9);
    expect(plan([...decoding, short], { settings, chunksMs: 39 }).chunk).toEqual(["short", 9]);
    expect(plan([...decoding, short], { settings, chunksMs: 40 }).chunk).toBeUndefined();
    expect(plan([prompt], { settings, chunksMs: 1000 })).toEqual({ decoding: [], chunk: ["prompt", 32] });
    expect(plan(decoding, { settings })).toEqual({ decoding: ["a", "b"], chunk: undefined });
  });

  it("keeps the gap for a stream whose sampler is about to pull it", () => {
    const settings = { prefillChunk: 32, maxGapMs: 12 };
    const busy = sequence("busy", 1, { isPulled: false });
    expect(plan([busy, prompt], { settings }).chunk).toEqual(["prompt", 11]);
    expect(plan([busy, prompt], { settings, chunksMs: 11 }).chunk).toEqual(["prompt", 1]);
    const batch = sequence("batch", 1, { isPulled: false, priority: "batch" });
    expect(plan([batch, prompt], { settings }).chunk).toEqual(["prompt", 32]);
  });

  it("runs prompts first where only batch work decodes", () => {
    const batch = decoding.map((one) => ({ ...one, priority: "batch" }) as const);
    const settings = { prefillChunk: 32, maxGapMs: 50 };
    expect(plan([...batch, prompt], { settings, chunksMs: 1000 }).chunk).toEqual(["prompt", 32]);
  });

  it("runs a chunk beside those that decode where rows of any lengths share a pass", () => {
    for (const chunksMs of [0, 20]) {
      expect(plan([...decoding, prompt], { chunksMs, limits: { longRows: "any" } })).toEqual({
        decoding: ["a", "b"],
        chunk: ["prompt", 32],
      });
    }
    const crowded = { longRows: "any", maxTokens: 20 } as const;
    expect(plan([...decoding, prompt], { limits: crowded }).chunk).toEqual(["prompt", 18]);
  });

  it("runs one token of each, prompts too, where no row has more", () => {
    for (const changes of [{ limits: { maxRowTokens: 1 } }, { settings: { prefillChunk: 1 } }]) {
      const all = plan([...decoding, prompt], changes);
      expect(all).toEqual({ decoding: ["a", "b", "prompt"], chunk: undefined });
    }
  });

  it("cuts chunks to the prompt, the setting and the runner's longest row", () => {
    expect(plan([sequence("short", 7)]).chunk).toEqual(["short", 7]);
    expect(plan([prompt], { settings: { prefillChunk: 500 } }).chunk).toEqual(["prompt", 64]);
  });

  it("cuts chunks to the distributions that a row may have", () => {
    const scored = sequence("scored", 100, { unmeasured: 0 });
    expect(plan([scored]).chunk).toEqual(["scored", 4]);
    expect(plan([sequence("cached", 100, { unmeasured: 3 })]).chunk).toEqual(["cached", 7]);
  });

  it("cuts chunks to the gap that interactive sequences may see, those of batch work not", () => {
    const settings = { prefillChunk: 32, maxGapMs: 12 };
    expect(plan([...decoding, prompt], { settings }).chunk).toEqual(["prompt", 10]);
    // Their own pass takes longer than what is left: the chunk may take as long as they do.
    expect(plan([...decoding, prompt], { settings: { ...settings, maxGapMs: 1 } }).chunk).toEqual([
      "prompt",
      2,
    ]);
    // No chunk fits: it is as short as pays for its pass.
    const slow = { ...passTimes, decodeMs: () => 300, longestChunkWithin: () => 0, leastChunk: 16 };
    expect(plan([...decoding, prompt], { settings, passTimes: slow }).chunk).toEqual(["prompt", 16]);
    const batch = decoding.map((one) => ({ ...one, priority: "batch" }) as const);
    expect(plan([...batch, prompt], { settings }).chunk).toEqual(["prompt", 32]);
    expect(plan([prompt], { settings }).chunk).toEqual(["prompt", 32]);
  });

  it("takes clients in turn, however many requests one has", () => {
    const first = sequence("first", 9, { clientsLastPrefill: 5, lastPrefill: 0 });
    const second = sequence("second", 9, { clientsLastPrefill: 5, lastPrefill: 5 });
    const other = sequence("other", 9, { clientsLastPrefill: 4, lastPrefill: 4 });
    expect(plan([first, second, other]).chunk).toEqual(["other", 9]);
    expect(plan([second, first]).chunk).toEqual(["first", 9]);
  });

  it("takes interactive prompts before batch, then requests in turn, then the oldest", () => {
    const oldest = sequence("oldest", 9, { lastPrefill: 5 });
    const batch = sequence("batch", 9, { priority: "batch" });
    const older = sequence("older", 9, { lastPrefill: 3 });
    const younger = sequence("younger", 9, { lastPrefill: 3 });
    expect(plan([batch, younger, oldest, older]).chunk).toEqual(["older", 9]);
    expect(plan([batch, younger, oldest]).chunk).toEqual(["younger", 9]);
    expect(plan([batch, oldest]).chunk).toEqual(["oldest", 9]);
    expect(plan([batch]).chunk).toEqual(["batch", 9]);
  });

  it("leaves out those that follow a leader, whose turn theirs waits for", () => {
    const follower = sequence("follower", 100, { isFollowing: true });
    expect(plan([follower, prompt]).chunk).toEqual(["prompt", 32]);
    expect(plan([sequence("follower", 1, { isFollowing: true }), ...decoding]).decoding).toEqual(["a", "b"]);
    expect(plan([follower])).toEqual({ decoding: [], chunk: undefined });
  });
});
