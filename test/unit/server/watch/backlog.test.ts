import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Backlog } from "../../../../src/server/watch/backlog.ts";
import type { EventOf, WatchEvent, WatchedToken } from "../../../../src/server/watch/messages.ts";
import { noText, revise } from "../../../../src/server/watch/revision.ts";
import type { RevisedText } from "../../../../src/server/watch/revision.ts";

const token = (from_char: number, id: number): WatchedToken => ({ id, from_char, logprob: -1, entropy: 0 });

/** Revisions of a text of one token a character; each may cut into what was there, at any character. */
const revisions = fc
  .array(
    fc.record({
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
      text: fc.string({ unit: fc.constantFrom("a", "é", "漢", "👩"), maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((list) => {
    let length = 0;
    return list.map(({ cut, text }, step): EventOf<"revision"> => {
      const from = Math.floor(cut * length);
      const points = Array.from(text);
      length = from + points.length;
      return {
        type: "revision",
        id: "a",
        index: 0,
        block: 1,
        step,
        from_char: from,
        from_token: from,
        text,
        tokens: points.map((_, index) => token(from + index, 100 * step + index)),
        logprob: -step,
      };
    });
  });

const replay = (events: readonly WatchEvent[]): RevisedText =>
  events
    .filter((event): event is EventOf<"revision"> => event.type === "revision")
    .reduce<RevisedText>(revise, noText);

describe("Backlog", () => {
  it("leads a reader who missed any revisions to the same text", () => {
    fc.assert(
      fc.property(revisions, fc.array(fc.nat({ max: 4 })), (all, sizes) => {
        const received: WatchEvent[] = [];
        let next = 0;
        for (const size of [...sizes, all.length]) {
          const backlog = new Backlog();
          for (const event of all.slice(next, next + size)) backlog.add(event);
          next += size;
          const taken = backlog.take();
          expect(taken.length).toBeLessThanOrEqual(1);
          received.push(...taken);
        }
        expect(replay(received)).toEqual(replay(all));
      }),
      { seed: 3 },
    );
  });

  it("keeps the latest of each kind and choice, all committed text, and the order of what came last", () => {
    const backlog = new Backlog();
    const progress = (index: number, step: number): EventOf<"progress"> => ({
      type: "progress",
      id: "a",
      index,
      block: 1,
      blocks: 2,
      step,
      steps: 9,
      moved: 0,
      unchanged: 0,
      rejected: 0,
      rejected_early: 0,
      acceptance: 0.5,
    });
    const committed = (text: string, at: number): EventOf<"token"> => ({
      type: "token",
      id: "a",
      index: 0,
      text,
      tokens: [token(at, at)],
    });
    backlog.add(progress(0, 1));
    backlog.add(committed("x", 0));
    backlog.add(progress(1, 1));
    backlog.add(progress(0, 2));
    backlog.add(committed("yz", 1));
    expect(backlog.take()).toEqual([
      progress(1, 1),
      progress(0, 2),
      { ...committed("xyz", 0), tokens: [token(0, 0), token(1, 1)] },
    ]);
    expect(backlog.isEmpty).toBe(true);
    expect(backlog.take()).toEqual([]);
  });

  it("keeps the last votes of each prompt", () => {
    const backlog = new Backlog();
    const votes = (prompt: number, drawn: number): EventOf<"votes"> => ({
      type: "votes",
      id: "a",
      votes: {
        ...{ prompt, drawn, answers: [], unanswered: drawn, candidates: 4, skipped: 0 },
        ...{ stopped_early: null, leader_confidence: 0.5 },
      },
    });
    for (const event of [votes(0, 1), votes(1, 1), votes(1, 2), votes(0, 2)]) backlog.add(event);
    expect(backlog.take()).toEqual([votes(1, 2), votes(0, 2)]);
  });
});
