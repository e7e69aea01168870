import { describe, expect, it } from "vitest";
import { IdleRelease, collectGarbage, trimNativeMemory } from "../../../src/assembly/idle-memory.ts";

/** One look for each share of time that the event loop was busy; @returns the looks after which memory was released. */
async function releases(shares: readonly number[], working: readonly number[] = []): Promise<number[]> {
  const released: number[] = [];
  let look = 0;
  let isReleasing = false;
  const idle = new IdleRelease({
    busyShare: () => {
      // Asked once more after a release, so that the release itself does not count.
      if (!isReleasing) return shares[look]!;
      isReleasing = false;
      return 1;
    },
    isWorking: () => Promise.resolve(working.includes(look)),
    release: () => {
      isReleasing = true;
      released.push(look);
    },
  });
  for (; look < shares.length; look++) await idle.check();
  return released;
}

describe("memory is released", () => {
  it("once after each time of work", async () => {
    expect(await releases([0.9, 0.01, 0.01, 0.5, 0.5, 0, 0])).toEqual([1, 5]);
  });

  it("never where nothing was done, and not in mid-work", async () => {
    expect(await releases([0, 0.01, 0])).toEqual([]);
    expect(await releases([0.9, 0.06, 0.9])).toEqual([]);
  });

  it("not while native code works for a thread at rest, but then", async () => {
    expect(await releases([0.9, 0.01, 0.01, 0.01], [1, 2])).toEqual([3]);
    expect(await releases([0, 0, 0], [0])).toEqual([1]);
  });

  it("by collecting what is garbage", async () => {
    const garbage = new WeakRef({});
    // Until the end of the turn a reference that was just made counts as a strong one.
    await new Promise(setImmediate);
    collectGarbage();
    trimNativeMemory();
    expect(garbage.deref()).toBeUndefined();
  });
});
