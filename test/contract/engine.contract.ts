import { describe, expect, it } from "vitest";
import { InferenceError } from "../../src/core/errors.ts";
import { uniform } from "../../src/core/random.ts";
import type { ScoredToken, TokenRun } from "../../src/core/tokens.ts";
import type { Engine, ExtendRequest } from "../../src/engine/engine.ts";
import { createToyModel, logSoftmax } from "../support/toy-model.ts";
import { never } from "../support/toy-engine.ts";
import type { ToySettings } from "../support/toy-engine.ts";

async function collect(runs: AsyncIterable<TokenRun>): Promise<ScoredToken[]> {
  const all: ScoredToken[] = [];
  for await (const run of runs) all.push(...run);
  return all;
}

async function untilIdle(engine: Engine): Promise<void> {
  await expect.poll(() => engine.health().sequences.open).toBe(0);
}

/** Holds a pass, of which it tells when it begins, until it is told to end. */
function heldPass(which = 1) {
  let begin: () => void;
  let end: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const ended = new Promise<void>((resolve) => (end = resolve));
  let passes = 0;
  const onStep = async (): Promise<void> => {
    if (++passes !== which) return;
    begin();
    await ended;
  };
  return {
    onStep,
    begun,
    end: () => {
      end();
    },
  };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof InferenceError ? error.code : String(error)),
  );

/** What every engine owes its decoders, run on a toy behind the seam. */
export function testEngine(name: string, create: (settings: ToySettings) => Engine): void {
  const model = createToyModel({ seed: 9, vocabularySize: 6, endBias: -1 });
  const rare = createToyModel({ seed: 10, vocabularySize: 6, endBias: -20 });
  const request = (changes: Partial<ExtendRequest> = {}): ExtendRequest => ({
    prefix: [0, 1, 2],
    maxTokens: 8,
    endTokens: new Set([model.endToken]),
    sampling: { inverseTemperature: 2 },
    draws: { seed: 1, choice: 0, stage: 0, step: 0 },
    topCount: 0,
    ...changes,
  });

  describe(name, () => {
    it("scores and draws by inverse CDF in descending probability", async () => {
      await using engine = create({ model });
      const drawn = await collect(engine.extend(request({ topCount: 3 }), never));
      const prefix = [0, 1, 2];
      for (const { token, logprob, logNormalizer, proposalLogprob, entropy, top } of drawn) {
        const logs = logSoftmax(model.logits(prefix));
        const logZ = Math.log(logs.reduce((sum, log) => sum + Math.exp(2 * log), 0));
        expect(logprob).toBeCloseTo(logs[token]!, 6);
        expect(logNormalizer).toBeCloseTo(logZ, 6);
        expect(proposalLogprob).toBeCloseTo(2 * logs[token]! - logZ, 6);
        expect(entropy).toBeCloseTo(-logs.reduce((sum, log) => sum + Math.exp(log) * log, 0), 6);
        const order = logs.map((_, id) => id).sort((a, b) => logs[b]! - logs[a]!);
        expect([...top!.ids]).toEqual(order.slice(0, 3));
        const u = uniform(request().draws, "token", prefix.length);
        let mass = 0;
        const expected = order.find((id) => (mass += Math.exp(2 * logs[id]! - logZ)) > u);
        expect(token).toBe(expected);
        prefix.push(token);
      }
      expect(drawn.length).toBeGreaterThan(1);
    });

    it("yields an end token, then ends; and ends at maxTokens without one", async () => {
      await using engine = create({ model: createToyModel({ seed: 9, vocabularySize: 6, endBias: 20 }) });
      expect((await collect(engine.extend(request(), never))).map(({ token }) => token)).toEqual([5]);
      await using other = create({ model: rare });
      expect(await collect(other.extend(request(), never))).toHaveLength(8);
    });

    it("frees what an extension held when its reader leaves early", async () => {
      await using engine = create({ model: rare });
      for await (const _ of engine.extend(request(), never)) break;
      await untilIdle(engine);
      expect(engine.health().lanes.leased).toBe(0);
      expect(engine.health().sequences.open).toBe(0);
    });

    it("rejects with `aborted`, also while waiting for a lane and in mid-pass, and frees the lane", async () => {
      const pass = heldPass();
      await using engine = create({ model: rare, lanes: 1, onStep: pass.onStep });
      const first = new AbortController();
      const second = new AbortController();
      const running = codeOf(collect(engine.extend(request(), first.signal)));
      const waiting = codeOf(collect(engine.extend(request({ prefix: [3, 3] }), second.signal)));
      await pass.begun;
      second.abort();
      expect(await waiting).toBe("aborted");
      first.abort();
      pass.end();
      expect(await running).toBe("aborted");
      await untilIdle(engine);
      expect(engine.health().lanes.leased).toBe(0);
      expect(await collect(engine.extend(request(), never))).toHaveLength(8);
    });

    it("rejects with `aborted` between tokens, what it may remember notwithstanding", async () => {
      await using engine = create({ model: rare });
      expect(await collect(engine.extend(request(), never))).toHaveLength(8);
      const controller = new AbortController();
      // Beyond what may be remembered, and so come in the first run.
      const again = engine.extend(request({ maxTokens: 12 }), controller.signal)[Symbol.asyncIterator]();
      expect((await again.next()).done).toBe(false);
      controller.abort();
      expect(await codeOf(again.next())).toBe("aborted");
      expect(await codeOf(collect(engine.extend(request(), controller.signal)))).toBe("aborted");
    });

    it("finishes more sequences than lanes, those that nobody pulls notwithstanding", async () => {
      await using engine = create({ model: rare, lanes: 2 });
      const idle = Array.from({ length: 3 }, (_, index) =>
        engine.extend(request({ prefix: [index, 4] }), never)[Symbol.asyncIterator](),
      );
      for (const iterator of idle) await iterator.next();
      const others = await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          collect(engine.extend(request({ prefix: [index, index, 1] }), never)),
        ),
      );
      expect(others.map(({ length }) => length)).toEqual([8, 8, 8, 8, 8]);
      for (const iterator of idle) {
        expect((await iterator.next()).done).toBe(false);
        await iterator.return();
      }
      await untilIdle(engine);
      expect(engine.health().lanes.leased).toBe(0);
    });

    it("fails only the sequence whose logits are not numbers", async () => {
      await using engine = create({
        model: rare,
        isPoisoned: (prefix) => prefix[0] === 4 && prefix.length >= 4,
      });
      const bad = codeOf(collect(engine.extend(request({ prefix: [4, 4] }), never)));
      const good = collect(engine.extend(request(), never));
      expect(await bad).toBe("numerical_error");
      expect(await good).toHaveLength(8);
      expect(engine.health().status).toBe("ok");
    });

    it("fails everybody when a pass fails, and says so", async () => {
      let passes = 0;
      await using engine = create({
        model: rare,
        onStep: () => {
          if (++passes > 4) throw new Error("device lost");
        },
      });
      const codes = await Promise.all(
        [1, 2, 3].map((id) => codeOf(collect(engine.extend(request({ prefix: [id] }), never)))),
      );
      expect(codes).toEqual(["engine_failed", "engine_failed", "engine_failed"]);
      expect(engine.health()).toMatchObject({
        status: "failed",
        reason: expect.stringContaining("device lost") as unknown,
      });
      expect(await codeOf(collect(engine.extend(request(), never)))).toBe("engine_failed");
    });

    it("frees a lane whose reader left in the very pass that fails", async () => {
      let fail: (() => void) | undefined;
      const pass = new Promise<void>((_, reject) => {
        fail = () => {
          reject(new Error("device lost"));
        };
      });
      let begin: (() => void) | undefined;
      const begun = new Promise<void>((resolve) => (begin = resolve));
      await using engine = create({
        model: rare,
        onStep: () => {
          begin?.();
          return pass;
        },
      });
      const controller = new AbortController();
      const left = codeOf(collect(engine.extend(request(), controller.signal)));
      const stayed = codeOf(collect(engine.extend(request(), never)));
      await begun;
      controller.abort();
      expect(await left).toBe("aborted");
      fail?.();
      expect(await stayed).toBe("engine_failed");
      await untilIdle(engine);
      expect(engine.health()).toMatchObject({
        status: "failed",
        lanes: { leased: 0 },
        sequences: { open: 0, waiting: 0 },
      });
    });

    it("ends what still runs when disposed, and reads no K/V after that", async () => {
      const pass = heldPass(9);
      const engine = create({ model: rare, onStep: pass.onStep });
      const idle = engine.extend(request({ prefix: [4, 4] }), never)[Symbol.asyncIterator]();
      await idle.next();
      const left = engine.extend(request({ prefix: [3, 3] }), never)[Symbol.asyncIterator]();
      await left.next();
      const running = codeOf(collect(engine.extend(request(), never)));
      await pass.begun;
      const disposed = engine[Symbol.asyncDispose]();
      pass.end();
      await disposed;
      expect(await running).toBe("shutting_down");
      expect(await codeOf(idle.next())).toBe("shutting_down");
      await left.return();
      expect(engine.health()).toMatchObject({ lanes: { leased: 0 }, sequences: { open: 0 } });
    });

    it("refuses what cannot be run", async () => {
      await using engine = create({ model, capacity: 16 });
      expect(await codeOf(collect(engine.extend(request({ maxTokens: 14 }), never)))).toBe(
        "context_length_exceeded",
      );
      expect(await codeOf(collect(engine.extend(request({ prefix: [] }), never)))).toBe("invalid_request");
      expect(await codeOf(collect(engine.extend(request({ prefix: [6] }), never)))).toBe("invalid_request");
      expect(await codeOf(collect(engine.extend(request({ prefix: [0.5] }), never)))).toBe("invalid_request");
      // A prompt and its completion may fill the context to the last token.
      await using full = create({ model: rare, capacity: 16 });
      expect(await collect(full.extend(request({ maxTokens: 13 }), never))).toHaveLength(13);
    });

    it("scores given tokens by teacher forcing, whatever is cached", async () => {
      await using engine = create({ model, scheduler: { prefillChunk: 3 } });
      const tokens = [0, 1, 2, 3, 4, 0, 1, 5, 2, 3];
      await collect(engine.extend(request({ prefix: tokens.slice(0, 8) }), never));
      const scores = await engine.score(tokens, 2, never);
      expect(scores.map(({ token }) => token)).toEqual(tokens.slice(1));
      for (const [index, { logprob, top }] of scores.entries()) {
        const logs = logSoftmax(model.logits(tokens.slice(0, index + 1)));
        expect(logprob).toBeCloseTo(logs[tokens[index + 1]!]!, 6);
        expect(top!.logprobs[0]).toBeCloseTo(Math.max(...logs), 6);
      }
      expect(await engine.score([3], 0, never)).toEqual([]);
    });
  });
}
