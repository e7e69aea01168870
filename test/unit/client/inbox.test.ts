import { describe, expect, it } from "vitest";
import { Inbox, kept } from "../../../src/client/inbox.ts";
import type { WatchEvent } from "../../../src/server/watch/messages.ts";

const progress = (step: number): WatchEvent => ({
  type: "progress",
  id: "a",
  index: 0,
  block: 1,
  blocks: 1,
  step,
  steps: 9,
  moved: 0,
  unchanged: 0,
  rejected: 0,
  rejected_early: 0,
  acceptance: 0,
});
const failure: WatchEvent = {
  type: "error",
  id: "a",
  error: { message: "no", type: "server_error", param: null, code: null },
};

async function stepsOf(inbox: Inbox, count: number): Promise<(number | string)[]> {
  const seen: (number | string)[] = [];
  for await (const event of inbox) {
    seen.push(event.type === "progress" ? event.step : event.type);
    if (seen.length === count) break;
  }
  return seen;
}

describe("Inbox", () => {
  it("hands over what comes, in order, to a reader who waits", async () => {
    const inbox = new Inbox();
    const reading = stepsOf(inbox, 3);
    for (const step of [1, 2]) {
      inbox.push(progress(step));
      await Promise.resolve();
    }
    inbox.push(failure);
    expect(await reading).toEqual([1, 2, "error"]);
  });

  it("keeps the latest state for a reader who stays away, before the end", async () => {
    const inbox = new Inbox();
    for (let step = 0; step < 100_000; step++) inbox.push(progress(step));
    inbox.push(failure);
    const seen = await stepsOf(inbox, kept + 2);
    expect(seen.slice(0, kept)).toEqual(Array.from({ length: kept }, (_, step) => step));
    expect(seen.slice(kept)).toEqual([99_999, "error"]);
  });

  it("throws what went wrong once the rest is read", async () => {
    const inbox = new Inbox();
    inbox.push(progress(1));
    inbox.fail(new Error("lost"));
    inbox.fail(new Error("again"));
    expect(await stepsOf(inbox, 1)).toEqual([1]);
    await expect(stepsOf(inbox, 1)).rejects.toThrow("lost");
  });
});
