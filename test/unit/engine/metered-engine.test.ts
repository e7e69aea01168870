import { describe, expect, it } from "vitest";
import { InferenceError } from "../../../src/core/errors.ts";
import type { Engine, ExtendRequest, NarrowRequest } from "../../../src/engine/engine.ts";
import { MemoStore } from "../../../src/engine/memo/memo-store.ts";
import { MeteredEngine } from "../../../src/engine/metered-engine.ts";
import { BoundedEngine } from "../../support/bounded-engine.ts";
import { createToyEngine, never } from "../../support/toy-engine.ts";
import { createToyModel } from "../../support/toy-model.ts";

const prompt = [0, 1];
const inverseTemperature = 2;

const request = (step: number): ExtendRequest => ({
  prefix: prompt,
  maxTokens: 1,
  endTokens: new Set(),
  sampling: { inverseTemperature },
  draws: { seed: 3, choice: 0, stage: 0, step },
  topCount: 0,
  cost: { evaluatedTokens: 0 },
});

const asked = {
  prefix: prompt,
  inverseTemperature,
  token: { token: 1, logprob: -1, logNormalizer: -1, entropy: 1 },
};

/** An engine whose questions are answered by the test. */
function asking(narrow: NonNullable<Engine["narrow"]>): Engine {
  const inner = createToyEngine({ model: createToyModel({ seed: 8, vocabularySize: 7 }) });
  return {
    info: inner.info,
    extend: (...given) => inner.extend(...given),
    score: (...given) => inner.score(...given),
    load: () => undefined,
    health: () => inner.health(),
    narrow,
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

describe("what a request asks of log Z", () => {
  it("is asked as its other calls are: of its prompt, for its share", async () => {
    const seen: NarrowRequest[] = [];
    const share = { client: "a", request: "b", priority: "batch" } as const;
    await using inner = asking((narrowing) => {
      seen.push(narrowing);
      return Promise.resolve(undefined);
    });
    const metered = new MeteredEngine(inner, { share, promptLength: 2 });
    expect(await metered.narrow({ ...asked, prefix: [...prompt, 5] }, never)).toBeUndefined();
    expect(seen).toMatchObject([{ share, promptLength: 2 }]);
  });

  it("is left as it was beyond the budget, and once the server ends it", async () => {
    const ending = new AbortController();
    let isWaiting = false;
    await using inner = asking(
      (_, signal) =>
        new Promise((_resolve, reject) => {
          isWaiting = true;
          const abort = (): void => {
            reject(new InferenceError("aborted", "aborted"));
          };
          if (signal.aborted) abort();
          signal.addEventListener("abort", abort);
        }),
    );
    const spent = new MeteredEngine(inner, { budget: 0 });
    expect((await spent.narrow(asked, never))?.token).toBe(asked.token);
    const metered = new MeteredEngine(inner, { ending: ending.signal });
    const waiting = metered.narrow(asked, never);
    await expect.poll(() => isWaiting).toBe(true);
    ending.abort();
    expect((await waiting)?.token).toBe(asked.token);
    expect((await metered.narrow(asked, never))?.token).toBe(asked.token);
    const left = AbortSignal.abort();
    await expect(new MeteredEngine(inner).narrow(asked, left)).rejects.toMatchObject({ code: "aborted" });
  });

  it("is open to others, whose budget is not spent, in a memo that they share", async () => {
    await using engine = createToyEngine({ model: createToyModel({ seed: 8, vocabularySize: 7 }) });
    const bounded = new BoundedEngine(engine, { known: 2, told: 7 });
    const store = new MemoStore(1e6);
    const key = { prompt, inverseTemperature, priority: "interactive" } as const;
    const drawnOf = async (budget: number | undefined, step: number): Promise<number> => {
      const memo = store.share(new MeteredEngine(bounded, { budget }), key);
      let count = 0;
      for await (const run of memo.extend(request(step), never)) count += run.length;
      return count;
    };
    await drawnOf(undefined, 0);
    // Draws that the two likeliest leave open end where nothing may be asked.
    const open: number[] = [];
    for (let step = 1; step < 200; step++) if ((await drawnOf(0, step)) === 0) open.push(step);
    expect(open.length).toBeGreaterThan(3);
    expect(bounded.narrowings).toBe(0);
    for (const step of open) {
      const asks = request(step);
      for await (const _ of store.share(bounded, key).extend(asks, never));
      expect(asks.cost?.undecidedWidth ?? 0).toBe(0);
    }
    expect(bounded.narrowings).toBeGreaterThan(0);
  });
});
