import { describe, expect, it } from "vitest";
import { EventLoopTurns } from "../../../../src/engine/memo/event-loop-turns.ts";

describe("EventLoopTurns", () => {
  /** A clock that stands still until it is set, and the turns that are read from it. */
  function create() {
    const clock = { ms: 1000 };
    return { clock, turns: new EventLoopTurns(() => clock.ms) };
  }
  const unawaited = () => Infinity;

  it("are due once walks have kept a pass waiting for as long as it takes", () => {
    const { clock, turns } = create();
    expect(turns.isDue(() => 0)).toBe(false);
    clock.ms += 1;
    expect(turns.isDue(() => 0)).toBe(false);
    clock.ms += 1;
    expect(turns.isDue(() => 1.5)).toBe(true);
    expect(turns.isDue(() => 2)).toBe(false);
    expect(turns.isDue(unawaited)).toBe(false);
  });

  it("are due after 50 ms though no pass is waited for, so that an abort is heard", () => {
    const { clock, turns } = create();
    clock.ms += 50;
    expect(turns.isDue(unawaited)).toBe(false);
    clock.ms += 1;
    expect(turns.isDue(unawaited)).toBe(true);
    turns.note();
    expect(turns.isDue(unawaited)).toBe(false);
  });

  it("are shared by all who wait for the next one, and noted when it comes", async () => {
    const { clock, turns } = create();
    let goneOn = 0;
    const walks = [1, 2, 3].map(() => turns.next(unawaited, undefined).then(() => goneOn++));
    clock.ms += 60;
    await new Promise((resolve) => setImmediate(resolve));
    expect(goneOn).toBe(walks.length);
    expect(turns.isDue(unawaited)).toBe(false);
  });

  it("let a crowd go on by and by, as much in each as a pass takes, its clients in turn", async () => {
    const { clock, turns } = create();
    const goneOn: string[] = [];
    const walk = (client: string): Promise<unknown> =>
      turns
        .next(() => 3, client)
        .then(async () => {
          // What it does before it waits for something else takes its time in this turn.
          await Promise.resolve();
          clock.ms += 1;
          goneOn.push(client);
        });
    const walks = Array.from({ length: 9 }, () => walk("crowd"));
    walks.push(walk("lone"));
    const counts: number[] = [];
    while (goneOn.length < walks.length) {
      await new Promise((resolve) => setImmediate(resolve));
      counts.push(goneOn.length);
    }
    expect(counts).toEqual([4, 8, 10]);
    expect(goneOn.slice(0, 3)).toEqual(["crowd", "lone", "crowd"]);
  });
});
