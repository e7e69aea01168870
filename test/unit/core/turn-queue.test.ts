import { describe, expect, it } from "vitest";
import { TurnQueue } from "../../../src/core/turn-queue.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("TurnQueue", () => {
  it("lets clients go on in turn, the works of each in their order", async () => {
    const queue = new TurnQueue(() => false);
    const order: string[] = [];
    const work = ["a1", "a2", "a3", "b1", "c1", "b2"].map(async (name) => {
      await queue.next(name[0]);
      order.push(name);
    });
    await Promise.all(work);
    expect(order).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
  });

  it("begins a turn with what it is told to, and goes on in the next where one is over", async () => {
    const log: string[] = [];
    const queue = new TurnQueue(
      () => true,
      () => log.push("turn"),
    );
    const work = [1, 2, 3].map(async (number) => {
      await queue.next();
      log.push(String(number));
    });
    await turn();
    expect(log).toEqual(["turn", "1"]);
    await Promise.all(work);
    expect(log).toEqual(["turn", "1", "turn", "2", "turn", "3"]);
  });

  it("asks whether a turn is over when all is done that the one before does in it", async () => {
    let done = 0;
    const asked: number[] = [];
    const queue = new TurnQueue(() => asked.push(done) === 0);
    const work = [1, 2, 3].map(async () => {
      await queue.next();
      for (let step = 0; step < 50; step++) await Promise.resolve();
      done++;
    });
    await Promise.all(work);
    expect(asked).toEqual([1, 2]);
  });

  it("takes in what comes while it is at work, and again when it was idle", async () => {
    const queue = new TurnQueue(() => true);
    let count = 0;
    const again = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time++) {
        await queue.next("again");
        count++;
      }
    };
    await Promise.all([again(5), again(3)]);
    await turn();
    await turn();
    await again(2);
    expect(count).toBe(10);
  });
});
