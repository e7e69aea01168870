import { describe, expect, it } from "vitest";
import type { Share } from "../../../../src/engine/engine.ts";
import { CallSlots } from "../../../../src/engine/remote/call-slots.ts";
import { never } from "../../../support/toy-engine.ts";

const share = (client: string, request = client, priority: Share["priority"] = "interactive"): Share => ({
  client,
  request,
  priority,
});

/** Slots that are all taken, and the order in which others get theirs as these are left. */
async function order(
  taken: readonly Share[],
  waiting: Readonly<Record<string, Share | undefined>>,
): Promise<string> {
  const slots = new CallSlots(taken.length);
  const open = await Promise.all(taken.map((its) => slots.take(its, never)));
  const begun: string[] = [];
  const all = Object.entries(waiting).map(async ([name, its]) => {
    open.push(await slots.take(its, never));
    begun.push(name);
  });
  expect(slots.waiting).toBe(all.length);
  while (open.length > 0) {
    open.shift()![Symbol.dispose]();
    // Whoever is next goes on in this turn.
    await new Promise(setImmediate);
  }
  await Promise.all(all);
  expect([slots.open, slots.waiting]).toEqual([0, 0]);
  return begun.join("");
}

describe("slots", () => {
  it.each<[string, readonly Share[], Readonly<Record<string, Share | undefined>>, string]>([
    ["those that wait longest", [share("x")], { a: share("a"), b: share("b"), c: undefined }, "abc"],
    ["interactive ones", [share("x")], { a: share("a", "a", "batch"), b: share("b") }, "ba"],
    ["clients with fewer", [share("a"), share("a"), share("b")], { a: share("a"), b: share("c") }, "ba"],
    [
      "requests with fewer",
      [share("a", "1"), share("a", "1")],
      { a: share("a", "1"), b: share("a", "2") },
      "ba",
    ],
  ])("go to %s first", async (_, taken, waiting, expected) => {
    expect(await order(taken, waiting)).toBe(expected);
  });

  it("are free at once as long as there are any, and left once", async () => {
    const slots = new CallSlots(2);
    const [first] = [await slots.take(undefined, never), await slots.take(undefined, never)];
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(slots.open).toBe(1);
    await slots.take(undefined, never);
    expect(slots.open).toBe(2);
  });

  it("are no longer waited for by those whose signal is aborted", async () => {
    const slots = new CallSlots(1);
    const held = await slots.take(undefined, never);
    const controller = new AbortController();
    const left = slots.take(undefined, controller.signal);
    const stays = slots.take(undefined, never);
    controller.abort();
    await expect(left).rejects.toMatchObject({ code: "aborted" });
    held[Symbol.dispose]();
    (await stays)[Symbol.dispose]();
    await expect(slots.take(undefined, controller.signal)).rejects.toMatchObject({ code: "aborted" });
  });

  it.each<[boolean, readonly Share[], Share]>([
    [true, [share("a"), share("a")], share("b")],
    [false, [share("a"), share("c")], share("b")],
    [false, [share("a"), share("a")], share("a")],
    [true, [share("a", "1"), share("a", "1")], share("a", "2")],
    [true, [share("a", "a", "batch"), share("c")], share("b")],
    [true, [share("a", "a", "batch"), share("c")], share("a", "2")],
    [false, [share("a"), share("a")], share("b", "b", "batch")],
  ])("are owed to one that waits: %s of %j to %j", async (isOwed, taken, waiting) => {
    const slots = new CallSlots(taken.length);
    expect(slots.isOwed(taken[0])).toBe(false);
    for (const its of taken) await slots.take(its, never);
    expect(slots.isOwed(taken[0])).toBe(false);
    void slots.take(waiting, never);
    expect(slots.isOwed(taken[0])).toBe(isOwed);
  });
});
