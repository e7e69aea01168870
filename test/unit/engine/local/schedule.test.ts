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
    cached: 0,
    pending,
    unmeasured: pending - 1,
    isPulled: true,
    isFollowing: false,
    priority: "interactive",
    patienceMs: 0,
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

const planned = (sequences: readonly Named[], { limits, ...changes }: Changes = {}) =>
  schedule(sequences, {
    limits: { maxRowTokens: 64, maxTokens: 67, maxRowLogits: 4, maxLogits: 8, longRows: "alone", ...limits },
    passTimes,
    settings: { prefillChunk: 32 },
    chunksMs: 0,
    ...changes,
  });

function plan(sequences: readonly Named[], changes: Changes = {}) {
  const { decoding, chunks } = planned(sequences, changes);
  const rows = chunks.map(({ sequence, position, count }) => [
    sequence.name,
    ...(position === sequence.cached ? [] : [position]),
    count,
  ]);
  return { decoding: decoding.map(({ name }) => name), chunk: rows.length > 1 ? rows : rows[0] };
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
    const batch = sequence("batch", 1, { isPulled: false, patienceMs: Infinity });
    expect(plan([batch, prompt], { settings }).chunk).toEqual(["prompt", 32]);
  });

  it("holds up what has patience for as long as it lasts, and nothing beside a stream", () => {
    const settings = { prefillChunk: 32, maxGapMs: 12 };
    const patient = (patienceMs: number) => decoding.map((one) => ({ ...one, patienceMs }));
    // 2 ms of it are its own pass.
    expect(plan([...patient(200), prompt], { settings }).chunk).toEqual(["prompt", 32]);
    expect(plan([...patient(30), prompt], { settings }).chunk).toEqual(["prompt", 28]);
    // What it waited before in this gap has been taken off.
    expect(plan([...patient(34), prompt], { settings, chunksMs: 500 }).chunk).toEqual(["prompt", 32]);
    expect(plan([...patient(33), prompt], { settings, chunksMs: 500 }).chunk).toBeUndefined();
    expect(plan([...patient(0), prompt], { settings }).chunk).toEqual(["prompt", 10]);
    const stream = sequence("stream", 1);
    expect(plan([...patient(200), stream, prompt], { settings }).chunk).toEqual(["prompt", 9]);
  });

  it("says what a chunk holds up", () => {
    for (const longRows of ["alone", "any"] as const) {
      expect(planned([...decoding, prompt], { limits: { longRows } }).heldUp).toEqual(decoding);
      expect(planned(decoding, { limits: { longRows } }).heldUp).toEqual([]);
    }
  });

  it("runs prompts first where only batch work decodes", () => {
    const batch = decoding.map((one) => ({ ...one, patienceMs: Infinity }));
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
    const batch = decoding.map((one) => ({ ...one, patienceMs: Infinity }));
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

  describe("where rows share a pass from their first token on", () => {
    /** A pass costs as much as 10 tokens. */
    const costly = { ...passTimes, prefillMs: (tokens: number) => 10 + tokens };
    const together = (sequences: readonly Named[], { limits, ...changes }: Changes = {}) =>
      plan(sequences, { passTimes: costly, ...changes, limits: { longRows: "fresh", ...limits } });
    const [first, second, third] = ["first", "second", "third"].map((name) => sequence(name, 9));
    const all = [first!, second!, third!];

    it("runs prompts together, in their turn", () => {
      const rows = [
        ["first", 9],
        ["second", 9],
        ["third", 9],
      ];
      expect(together(all)).toEqual({ decoding: [], chunk: rows });
      expect(together([third!, ...decoding, second!, first!])).toEqual({ decoding: [], chunk: rows });
      const late = [{ ...first!, lastPrefill: 7 }, second!, third!];
      expect(together(late).chunk).toEqual([rows[1], rows[2], rows[0]]);
    });

    it("leaves those for later for which the pass has no tokens or logits left", () => {
      expect(together(all, { limits: { maxTokens: 26 } }).chunk).toEqual([
        ["first", 9],
        ["second", 9],
      ]);
      const scored = sequence("scored", 9, { unmeasured: 5 });
      // Four logits each, with them.
      expect(together([...all, scored], { limits: { maxLogits: 12 } }).chunk).toHaveLength(3);
      expect(together([...all, scored], { limits: { maxLogits: 16 } }).chunk).toHaveLength(4);
      expect(together([{ ...scored, arrival: 0 }, first!], { limits: { maxLogits: 7 } }).chunk).toEqual([
        "scored",
        9,
      ]);
    });

    it("leaves out whom the padding would cost more than a pass of its own, and takes who comes after", () => {
      const [longer, longest] = [sequence("longer", 18), sequence("longest", 20)];
      expect(together([first!, longer]).chunk).toEqual([
        ["first", 9],
        ["longer", 18],
      ]);
      expect(together([first!, longest, second!]).chunk).toEqual([
        ["first", 9],
        ["second", 9],
      ]);
      expect(together([{ ...longest, arrival: 0 }, first!]).chunk).toEqual(["longest", 20]);
      expect(together(all, { passTimes }).chunk).toEqual(["first", 9]);
    });

    it("runs again what little is cached of a prompt, and not what is much", () => {
      const some = (cached: number) => sequence("some", 9 - cached, { cached, unmeasured: 8 - cached });
      expect(together([first!, some(3)]).chunk).toEqual([
        ["first", 9],
        ["some", 0, 9],
      ]);
      expect(together([{ ...some(3), arrival: 0 }, first!]).chunk).toEqual([
        ["some", 0, 9],
        ["first", 9],
      ]);
      const much = sequence("much", 9, { cached: 12, arrival: 0 });
      expect(together([first!, { ...much, arrival: Infinity }]).chunk).toEqual(["first", 9]);
      expect(together([much, first!]).chunk).toEqual(["much", 9]);
      // One that has run a chunk of its own goes on from there.
      const rest = sequence("rest", 30, { cached: 5, arrival: 0 });
      expect(together([rest, first!], { limits: { maxRowTokens: 32 } }).chunk).toEqual(["rest", 30]);
    });

    it("keeps to the gap with all of them", () => {
      const settings = { prefillChunk: 32, maxGapMs: 24 };
      expect(together([...decoding, ...all], { settings }).chunk).toEqual([
        ["first", 9],
        ["second", 9],
      ]);
      const later = together([...decoding, ...all], { settings, chunksMs: 12 });
      expect(later).toEqual({ decoding: [], chunk: ["first", 9] });
      expect(together([...decoding, ...all], { settings, chunksMs: 14 }).chunk).toBeUndefined();
      expect(together([...decoding, ...all], { settings: { prefillChunk: 32, maxGapMs: 7 } }).chunk).toEqual([
        "first",
        5,
      ]);
    });

    it("runs no batch work along with interactive work, and none that follows, waits or decodes", () => {
      const others = [
        sequence("batch", 9, { priority: "batch" }),
        sequence("follower", 9, { isFollowing: true }),
        sequence("idle", 9, { isPulled: false }),
      ];
      expect(together([...others, ...decoding, first!]).chunk).toEqual(["first", 9]);
      const batch = all.map((one) => ({ ...one, priority: "batch" }) as const);
      expect(together(batch).chunk).toHaveLength(3);
    });

    it("runs one prompt where rows share no pass, or one by one", () => {
      for (const longRows of ["alone", "any"] as const) {
        expect(together(all, { limits: { longRows } }).chunk).toEqual(["first", 9]);
      }
    });
  });

  it("leaves out those that follow a leader, whose turn theirs waits for", () => {
    const follower = sequence("follower", 100, { isFollowing: true });
    expect(plan([follower, prompt]).chunk).toEqual(["prompt", 32]);
    expect(plan([sequence("follower", 1, { isFollowing: true }), ...decoding]).decoding).toEqual(["a", "b"]);
    expect(plan([follower])).toEqual({ decoding: [], chunk: undefined });
  });
});
