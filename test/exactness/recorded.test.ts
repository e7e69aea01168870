/** What was recorded when a token was drawn is the law: on a model whose log-probs move with every evaluation. */
import { describe, expect, it } from "vitest";
import type { ScoredToken, TokenIds } from "../../src/core/tokens.ts";
import type { Engine, ExtendRequest } from "../../src/engine/engine.ts";
import { MemoEngine } from "../../src/engine/memo/memo-engine.ts";
import { MemoStore } from "../../src/engine/memo/memo-store.ts";
import type { Completion } from "../../src/mcmc/completion.ts";
import { logProbability } from "../../src/mcmc/completion.ts";
import { uniformCut } from "../../src/mcmc/cut.ts";
import { maximize } from "../../src/mcmc/maximize.ts";
import type { StageEvent } from "../../src/mcmc/stages.ts";
import { movingModel } from "../support/moving-model.ts";
import { drive, runToyChain } from "../support/toy-chain.ts";
import type { ChainRun } from "../support/toy-chain.ts";
import { createToyEngine, never } from "../support/toy-engine.ts";
import { createToyModel } from "../support/toy-model.ts";

const prompt = [0, 1];

/** Few tokens, so that proposals often agree with the state for a while. */
const narrow = createToyModel({ seed: 3, endBias: -1 });
/** Flat, and beyond what a memo keeps of the likeliest: many draws land in the tail. */
const wide = createToyModel({ seed: 4, vocabularySize: 150, scale: 1, endBias: -3 });

const runOf = (model: typeof narrow, changes: Partial<ChainRun> = {}): ChainRun => ({
  prompt,
  endToken: model.endToken,
  alpha: 2,
  inverseTemperature: 1,
  maxTokens: 8,
  blockSize: 4,
  steps: 60,
  seed: 1,
  ...changes,
});

/** A store too small to keep anything from one token to the next. */
const evicting = () => new MemoStore(1);

/** Fails where a token that stays where it was, after the tokens it was drawn after, gets other values. */
function watchTokens(): { readonly onState: (state: Completion) => void; readonly kept: () => number } {
  let last: Completion = [];
  let kept = 0;
  return {
    onState: (state) => {
      for (const [index, token] of state.entries()) {
        if (last[index]?.token !== token.token) break;
        const { logprob, logNormalizer, entropy } = last[index];
        expect(token).toMatchObject({ logprob, logNormalizer, entropy });
        kept++;
      }
      last = state;
    },
    kept: () => kept,
  };
}

/** One value for each token after each prefix; fails where another turns up. */
class Values {
  readonly #known = new Map<string, ScoredToken>();

  see(tokens: readonly ScoredToken[], from: TokenIds = []): void {
    const prefix = [...from];
    for (const { token, logprob, logNormalizer } of tokens) {
      prefix.push(token);
      const key = prefix.join();
      const known = this.#known.get(key);
      if (known === undefined) this.#known.set(key, { token, logprob, logNormalizer, entropy: 0 });
      else
        expect({ key, logprob, logNormalizer }).toMatchObject({
          logprob: known.logprob,
          logNormalizer: known.logNormalizer,
        });
    }
  }

  /** The state, and what was proposed in its place. */
  readonly onState = (state: Completion, event: StageEvent): void => {
    this.see(state);
    if (event.type === "step") this.see([...event.previous.slice(0, event.info.cut), ...event.info.suffix]);
  };

  get size(): number {
    return this.#known.size;
  }
}

describe("a token that stays in a chain's state keeps its log p and log Z", () => {
  it.each([
    ["without a memo", {}],
    ["with a memo that forgets at once", { memo: evicting() }],
    ["with a memo", { memo: new MemoStore(1e6) }],
    ["without early rejection", { earlyRejection: false }],
    ["with several tries", { kernel: { name: "multiple_try", tries: 3 } }],
    ["by the entropy cut", { cut: "entropy" }],
    ["with steps begun ahead", { prefetch: () => true }],
  ] as const)("%s", async (_, changes) => {
    for (const seed of [1, 2, 3]) {
      await using engine = createToyEngine({ model: movingModel(narrow), lanes: 4 });
      const { onState, kept } = watchTokens();
      await runToyChain(engine, runOf(narrow, { seed, ...changes, onState }));
      expect(kept()).toBeGreaterThan(50);
    }
  });

  it("in a search, whose log p rises by other tokens alone", async () => {
    for (const seed of [1, 2, 3]) {
      await using engine = createToyEngine({ model: movingModel(narrow) });
      const { onState, kept } = watchTokens();
      let last: Completion = [];
      const run = runOf(narrow, {
        seed,
        inverseTemperature: 2,
        onState: (state, event) => {
          onState(state);
          if (event.type === "step" && state !== last)
            expect(logProbability(state)).toBeGreaterThan(logProbability(event.previous));
          last = state;
        },
      });
      await drive(engine, run, maximize(uniformCut));
      expect(kept()).toBeGreaterThan(50);
    }
  });

  it("so that a proposal of the state itself has the ratio 1", async () => {
    await using engine = createToyEngine({ model: movingModel(narrow) });
    let unchanged = 0;
    const onState = (_: Completion, event: StageEvent): void => {
      if (event.type !== "step" || event.info.outcome !== "unchanged") return;
      expect(Math.abs(event.info.logRatio)).toBeLessThan(1e-12);
      unchanged++;
    };
    await runToyChain(engine, runOf(narrow, { onState }));
    expect(unchanged).toBeGreaterThan(5);
  });
});

describe("a memo has one value for each token after each prefix", () => {
  it.each([
    ["of single tries", narrow, {}],
    ["of several tries", narrow, { kernel: { name: "multiple_try", tries: 3 } }],
    ["of replicas", narrow, { kernel: { name: "tempering", replicas: 3 } }],
    ["of steps begun ahead", narrow, { prefetch: () => true }],
    ["of draws beyond what it keeps", wide, {}],
  ] as const)("%s", async (_, model, changes) => {
    await using engine = createToyEngine({ model: movingModel(model), lanes: 4 });
    const values = new Values();
    const memo = new MemoStore(1e8);
    const { onState } = values;
    for (const seed of [1, 2]) await runToyChain(engine, runOf(model, { seed, memo, ...changes, onState }));
    expect(values.size).toBeGreaterThan(20);
  });

  it("of chains of several requests that come to prefixes together, with too few lanes to wait for each other", async () => {
    await using engine = createToyEngine({ model: movingModel(narrow), lanes: 1 });
    const values = new Values();
    const store = new MemoStore(1e6);
    const request = (seed: number): ExtendRequest => ({
      prefix: prompt,
      maxTokens: 6,
      endTokens: new Set(),
      sampling: { inverseTemperature: 1 },
      draws: { seed, choice: 0, stage: 0, step: 0 },
      topCount: 0,
      share: { request: String(seed), client: String(seed), priority: "interactive" },
    });
    const key = { prompt, inverseTemperature: 1, priority: "interactive" } as const;
    const walk = async (seed: number): Promise<void> => {
      const drawn: ScoredToken[] = [];
      for await (const run of store.share(engine, key).extend(request(seed), never)) drawn.push(...run);
      expect(drawn).toHaveLength(6);
      values.see(drawn);
    };
    await Promise.all(Array.from({ length: 30 }, (_, seed) => walk(seed)));
    expect(values.size).toBeGreaterThan(20);
  });

  it("where a later request asks for more of the likeliest tokens", async () => {
    await using engine = createToyEngine({ model: movingModel(wide), lanes: 2 });
    const memo: Engine = new MemoEngine(engine);
    const values = new Values();
    const walk = async (topCount: number, seed: number): Promise<void> => {
      const extension = memo.extend(
        {
          prefix: prompt,
          maxTokens: 4,
          endTokens: new Set(),
          sampling: { inverseTemperature: 1 },
          draws: { seed, choice: 0, stage: 0, step: 0 },
          topCount,
        },
        never,
      );
      const drawn: ScoredToken[] = [];
      for await (const run of extension) drawn.push(...run);
      values.see(drawn);
      for (const { token, logprob, top } of drawn) {
        if (top === undefined) continue;
        expect(top.ids).toHaveLength(topCount);
        expect([...top.logprobs]).toEqual([...top.logprobs].sort((x, y) => y - x));
        const rank = top.ids.indexOf(token);
        if (rank >= 0) expect(top.logprobs[rank]).toBe(logprob);
      }
    };
    for (const topCount of [0, 5, 100, 0, 150, 20])
      for (const seed of [1, 2, 3, 4]) await walk(topCount, seed);
    expect(values.size).toBeGreaterThan(8);
  });
});
