import { describe, expect, it } from "vitest";
import { BodyBudget } from "../../../src/server/body-budget.ts";

const kib = 1024;
const free = 16 * kib;

describe("BodyBudget", () => {
  function create(limitKib: number) {
    const budget = new BodyBudget(limitKib * kib);
    const dropped: string[] = [];
    const hold = (client: string, kibs: number, name = client) => {
      const body = budget.hold(client, () => dropped.push(name));
      body.add(free + kibs * kib);
      return body;
    };
    return { budget, dropped, hold };
  }

  it("drops the largest of the client that has most, whoever came last", () => {
    const { budget, dropped, hold } = create(100);
    hold("many", 30, "first");
    hold("many", 40, "second");
    hold("one", 50);
    expect(dropped).toEqual(["second"]);
    expect(budget.bytes).toBe(80 * kib);
  });

  it("drops as many as it takes, the one that asks among them", () => {
    const { budget, dropped, hold } = create(100);
    for (let index = 0; index < 7; index++) hold("many", 10, `many ${index}`);
    hold("huge", 101);
    expect(dropped).toEqual(["huge"]);
    expect(budget.bytes).toBe(70 * kib);
  });

  it("drops none that has come whole, and then the one that comes", () => {
    const { budget, dropped, hold } = create(100);
    hold("whole", 90).complete();
    hold("late", 20);
    expect(dropped).toEqual(["late"]);
    expect(budget.bytes).toBe(90 * kib);
  });

  it("keeps the last quarter for others, whatever of a client's has come whole", () => {
    const { budget, dropped, hold } = create(100);
    hold("many", 40).complete();
    hold("many", 30).complete();
    hold("many", 10);
    expect([dropped, budget.bytes]).toEqual([["many"], 70 * kib]);
    hold("one", 25);
    expect([dropped, budget.bytes]).toEqual([["many"], 95 * kib]);
  });

  it("gives a client that is alone all of it for one, and three quarters for several that come", () => {
    const { budget, dropped, hold } = create(100);
    const whole = hold("alone", 100);
    expect([dropped, budget.bytes]).toEqual([[], 100 * kib]);
    whole[Symbol.dispose]();
    for (let index = 0; index < 9; index++) hold("alone", 10, `${index}`);
    expect([dropped, budget.bytes]).toEqual([["0", "1"], 70 * kib]);
  });

  it("drops no other's where a client has too much that has come whole", () => {
    const { budget, dropped, hold } = create(100);
    hold("one", 10);
    for (const kibs of [60, 25]) budget.hold("many").add(free + kibs * kib);
    expect([dropped, budget.bytes]).toEqual([[], 95 * kib]);
  });

  it("takes back what was no body's, and never more than there is", () => {
    const { budget, hold } = create(100);
    const body = hold("a", 10);
    body.add(-4 * kib);
    expect(budget.bytes).toBe(6 * kib);
    body.add(-1000 * kib);
    body.add(free + kib);
    expect(budget.bytes).toBe(kib);
  });

  it("counts small ones for nothing, and takes them in whatever there is", () => {
    const { budget, dropped, hold } = create(10);
    hold("large", 10).complete();
    for (let index = 0; index < 1000; index++) hold(`small ${index}`, 0);
    expect([dropped, budget.bytes]).toEqual([[], 10 * kib]);
  });

  it("gives back what ends, once, and what is read", () => {
    const { budget, dropped, hold } = create(100);
    const bodies = [hold("a", 30), hold("a", 30), hold("b", 30)];
    bodies[0]!.restart();
    expect(budget.bytes).toBe(60 * kib);
    bodies[0]!.add(free + 40 * kib);
    for (const body of [...bodies, ...bodies]) body[Symbol.dispose]();
    bodies[0]!.add(1000 * kib);
    expect([dropped, budget.bytes]).toEqual([[], 0]);
  });

  it("gives back what was dropped, whose end comes later", () => {
    const { budget, dropped, hold } = create(100);
    const body = hold("a", 101);
    expect([dropped, budget.bytes]).toEqual([["a"], 0]);
    body.add(kib);
    body[Symbol.dispose]();
    expect(budget.bytes).toBe(0);
  });
});
