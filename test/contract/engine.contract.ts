import { setMaxListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { InferenceError } from "../../src/core/errors.ts";
import { logSumExp } from "../../src/core/log-sum-exp.ts";
import { uniform } from "../../src/core/random.ts";
import type { ScoredToken, TokenIds, TokenRun } from "../../src/core/tokens.ts";
import type { Engine, ExtendRequest } from "../../src/engine/engine.ts";
import type { ConstraintState, TokenConstraint } from "../../src/engine/token-constraint.ts";
import { TokenMask } from "../../src/sampling/token-mask.ts";
import { has, needs } from "./engine-subject.ts";
import type { EngineSubject, Need } from "./engine-subject.ts";

const inverseTemperature = 2;
const length = 8;
const never = new AbortController().signal;
setMaxListeners(0, never);

async function collect(runs: AsyncIterable<TokenRun>): Promise<ScoredToken[]> {
  const all: ScoredToken[] = [];
  for await (const run of runs) all.push(...run);
  return all;
}

/** Pulls what is left: an engine may have drawn some of it ahead. */
async function readOn(runs: AsyncIterator<TokenRun>): Promise<void> {
  while ((await runs.next()).done !== true);
}

const idsOf = (tokens: readonly ScoredToken[]): number[] => tokens.map(({ token }) => token);

/** How a promise fails: its code, and the field at fault where there is one. */
const failureOf = (promise: Promise<unknown>): Promise<{ code: string; param?: string | undefined }> =>
  promise.then(
    () => ({ code: "resolved" }),
    (error: unknown) =>
      error instanceof InferenceError ? { code: error.code, param: error.param } : { code: String(error) },
  );
const codeOf = async (promise: Promise<unknown>): Promise<string> => (await failureOf(promise)).code;

/** Waits for what comes about in some turns of the event loop. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000_000; turn++) {
    if (isSo()) return;
    await setImmediate();
  }
  throw new Error("it did not come about");
}

/** Passes that wait until they are let go, by failing or not: all of them, or those after `hold`. */
function holdPasses({ isHolding = true } = {}) {
  let begin!: () => void;
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const begun = new Promise<void>((done) => (begin = done));
  const held = new Promise<void>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  const onPass = async (): Promise<void> => {
    if (!isHolding) return;
    begin();
    await held;
  };
  const hold = (): void => {
    isHolding = true;
  };
  return { onPass, hold, begun, release: resolve, fail: reject };
}

/** What every engine owes its decoders, whatever is behind it. */
export function testEngine(name: string, subject: EngineSubject): void {
  const { open, prompt, lacks, tolerance, vocabularySize } = subject;
  const held = subject.held ?? (() => NaN);
  const request = (changes: Partial<ExtendRequest> = {}): ExtendRequest => ({
    prefix: prompt,
    maxTokens: length,
    endTokens: new Set(),
    sampling: { inverseTemperature },
    draws: { seed: 1, choice: 0, stage: 0, step: 0 },
    topCount: 0,
    ...changes,
  });
  /** A prompt like no other one. */
  const prefixOf = (index: number): TokenIds => [
    ...prompt,
    index % vocabularySize,
    (index * 5 + 1) % vocabularySize,
  ];
  const draw = (
    engine: Engine,
    changes: Partial<ExtendRequest> = {},
    signal = never,
  ): Promise<ScoredToken[]> => collect(engine.extend(request(changes), signal));
  const lawAfter = async (engine: Engine, prefix: TokenIds): Promise<readonly number[]> => {
    if (subject.lawAfter !== undefined) return subject.lawAfter(prefix);
    const { top } = (await engine.score([...prefix, 0], { topCount: vocabularySize }, never)).at(-1)!;
    const law = Array<number>(vocabularySize);
    for (const [rank, id] of top!.ids.entries()) law[id] = top!.logprobs[rank]!;
    return law;
  };
  /** Each token drawn, with the model's law of it. */
  const drawBesideLaw = async (engine: Engine, changes: Partial<ExtendRequest> = {}) => {
    const prefix = [...prompt];
    const drawn: {
      token: ScoredToken;
      prefix: TokenIds;
      position: number;
      law: readonly number[];
      logZ: number;
    }[] = [];
    for (const token of await draw(engine, changes)) {
      const law = await lawAfter(engine, prefix);
      const logZ = logSumExp(law.map((log) => inverseTemperature * log));
      drawn.push({ token, prefix: [...prefix], position: prefix.length, law, logZ });
      prefix.push(token.token);
    }
    expect(drawn.length).toBeGreaterThan(1);
    return drawn;
  };
  /** Whether it draws the first token without those of a list. */
  const canDrawWithout = async (engine: Engine): Promise<boolean> => {
    const without = Array.from({ length: vocabularySize - 1 }, (_, id) => id);
    for (let choice = 0; choice < 8; choice++) {
      const draws = { ...request().draws, choice };
      const [token] = await draw(engine, { without, draws, maxTokens: 1 });
      if (token!.token !== vocabularySize - 1) return false;
    }
    return true;
  };
  /** Draws many first tokens, and compares them with a law; @param logs log q but for what they sum to */
  const expectDrawn = async (
    engine: Engine,
    changes: Partial<ExtendRequest>,
    logs: readonly number[],
  ): Promise<void> => {
    const [draws, together] = [1000, 20];
    const counts = Array<number>(vocabularySize).fill(0);
    for (let choice = 0; choice < draws; choice += together) {
      const first = Array.from({ length: together }, (_, index) =>
        draw(engine, { ...changes, draws: { ...request().draws, choice: choice + index } }),
      );
      for (const [token] of await Promise.all(first)) counts[token!.token]!++;
    }
    const logZ = logSumExp(logs);
    // χ² of Pearson, those that are expected fewer than five times taken together.
    const expected = logs.map((log) => draws * Math.exp(log - logZ));
    const rest = { expected: 0, count: 0 };
    let [chi2, cells] = [0, 0];
    const add = (count: number, mean: number): void => {
      chi2 += (count - mean) ** 2 / mean;
      cells++;
    };
    for (const [id, mean] of expected.entries()) {
      if (mean >= 5) add(counts[id]!, mean);
      else [rest.expected, rest.count] = [rest.expected + mean, rest.count + counts[id]!];
    }
    if (rest.expected >= 1) add(rest.count, rest.expected);
    // Four standard deviations above its mean; the seed is fixed.
    expect(cells).toBeGreaterThan(1);
    expect(chi2).toBeLessThan(cells - 1 + 4 * Math.sqrt(2 * (cells - 1)));
  };
  const expectNear = (actual: number, expected: number): void => {
    expect(Math.abs(actual - expected), `${actual} for ${expected}`).toBeLessThan(tolerance);
  };
  const descending = (law: readonly number[]): number[] =>
    law.map((_, id) => id).sort((a, b) => law[b]! - law[a]! || a - b);

  /** Every third token, in turn. */
  const stateAt = (index: number): ConstraintState => ({
    permitted: () => {
      const mask = new TokenMask(vocabularySize);
      for (let token = index % 3; token < vocabularySize; token += 3) mask.add(token);
      return mask;
    },
    after: (token) => {
      expect(token % 3).toBe(index % 3);
      return stateAt(index + 1);
    },
  });
  const constraint: TokenConstraint = { key: "every third", start: stateAt(0) };

  /** A test that is listed as skipped, with the reason, where the engine lacks what it needs. */
  const itWith = (needed: readonly Need[], title: string, test: () => Promise<void>): void => {
    const missing = needed.find((need) => lacks[need] !== undefined);
    if (missing === undefined) it(title, test);
    else it.skip(`${title} (lacks ${missing}: ${lacks[missing]})`, test);
  };

  describe(name, () => {
    it("lacks what is said of it, and nothing else", async () => {
      await using engine = await open();
      let passes = 0;
      const onPass = (): void => {
        passes++;
      };
      await using watched = await open({ onPass });
      await draw(watched);
      // One that may be back is asked again, for as long as its caller waits.
      const patience = new AbortController();
      let attempts = 0;
      const fail = (): void => {
        if (++attempts === 3) patience.abort();
        throw new Error("device lost");
      };
      await using faulty = await open({ onPass: fail });
      const seen = {
        occupancy: subject.held !== undefined,
        faults: passes > 0,
        failures: (await codeOf(draw(faulty, {}, patience.signal))) === "engine_failed",
        without: await canDrawWithout(engine),
      };
      expect({ ...has(engine), ...seen }).toEqual(
        Object.fromEntries(needs.map((need) => [need, lacks[need] === undefined])),
      );
      expect(engine.info.vocabularySize).toBe(vocabularySize);
      expect(engine.info.capabilities.mostTop).toBeLessThanOrEqual(vocabularySize);
    });

    describe("tells", () => {
      it("log p of what it draws", async () => {
        await using engine = await open();
        for (const { token, law } of await drawBesideLaw(engine))
          expectNear(token.logprob, law[token.token]!);
      });

      it("log Z at temperature 1, where there is nothing to know", async () => {
        await using engine = await open();
        // Even where a memo remembers another law.
        await draw(engine);
        for (const token of await draw(engine, { sampling: { inverseTemperature: 1 } }))
          expectNear(token.logNormalizer, 0);
      });

      itWith(["logNormalizer"], "log Z of the law it draws from, and so log q", async () => {
        await using engine = await open();
        for (const { token, law, logZ } of await drawBesideLaw(engine)) {
          expectNear(token.logNormalizer, logZ);
          const logQ = inverseTemperature * token.logprob - token.logNormalizer;
          expectNear(logQ, inverseTemperature * law[token.token]! - logZ);
        }
      });

      itWith(["entropy"], "the entropy of the model's own law", async () => {
        await using engine = await open();
        for (const { token, law } of await drawBesideLaw(engine))
          expectNear(token.entropy, -law.reduce((sum, log) => sum + Math.exp(log) * log, 0));
      });

      itWith(
        ["selfCertainty"],
        "how far from uniform the model's own law is, where that is asked for",
        async () => {
          await using engine = await open();
          for (const { token, law } of await drawBesideLaw(engine, { selfCertainty: true }))
            expectNear(
              token.selfCertainty!,
              -law.reduce((sum, log) => sum + log, 0) / law.length - Math.log(law.length),
            );
          // Even where a memo remembers what was told without.
          for (const asked of [false, true])
            for (const token of await draw(engine, { selfCertainty: asked }))
              expect(token.selfCertainty !== undefined).toBe(asked);
        },
      );

      itWith(["bounds"], "bounds that hold log Z and the entropy", async () => {
        await using engine = await open();
        for (const temperature of [1 / 4, 1 / 2, 1.25]) {
          const sampling = { inverseTemperature: 1 / temperature };
          for (const { token, law } of await drawBesideLaw(engine, { sampling })) {
            const logZ = logSumExp(law.map((log) => log / temperature));
            const { logNormalizer, logNormalizerGap = 0, entropy, entropyGap = 0 } = token;
            expect(logNormalizerGap).toBeGreaterThanOrEqual(0);
            expect(logNormalizer).toBeGreaterThan(logZ - tolerance);
            expect(logNormalizer - logNormalizerGap).toBeLessThan(logZ + tolerance);
            if (temperature < 1) expect(logNormalizer).toBeLessThanOrEqual(0);
            const nats = -law.reduce((sum, log) => sum + Math.exp(log) * log, 0);
            expect(entropyGap).toBeGreaterThanOrEqual(0);
            expect(entropy).toBeLessThan(nats + tolerance);
            expect(entropy + entropyGap).toBeGreaterThan(nats - tolerance);
          }
        }
      });

      itWith(
        ["narrow"],
        "more of the likeliest where it is asked to, and bounds that only narrow",
        async () => {
          await using engine = await open();
          const { mostTop } = engine.info.capabilities;
          let narrower = 0;
          for (const { token, prefix, law, logZ } of await drawBesideLaw(engine)) {
            const { logNormalizer, logNormalizerGap = 0, entropy, entropyGap = 0 } = token;
            const asked = { prefix, token, inverseTemperature };
            const narrowed = await engine.narrow!(asked, never);
            if (narrowed === undefined) continue;
            narrower++;
            const { top, token: after } = narrowed;
            expect([after.token, after.logprob]).toEqual([token.token, token.logprob]);
            const { logNormalizerGap: gap = 0, entropyGap: entropies = 0 } = after;
            expect(gap + entropies).toBeLessThan(logNormalizerGap + entropyGap);
            expect(after.logNormalizer).toBeLessThanOrEqual(logNormalizer);
            expect(after.logNormalizer - gap).toBeGreaterThanOrEqual(logNormalizer - logNormalizerGap);
            expect(after.logNormalizer).toBeGreaterThan(logZ - tolerance);
            expect(after.logNormalizer - gap).toBeLessThan(logZ + tolerance);
            expect(after.entropy).toBeGreaterThanOrEqual(entropy);
            expect(after.entropy + entropies).toBeLessThanOrEqual(entropy + entropyGap + 1e-12);
            expect(top.ids.length).toBeLessThanOrEqual(mostTop);
            for (const [rank, id] of descending(law).slice(0, top.ids.length).entries())
              expectNear(top.logprobs[rank]!, law[id]!);
          }
          // With all of the vocabulary there is no more to tell.
          expect(narrower > 0).toBe(mostTop > 20 && mostTop <= vocabularySize && vocabularySize > 20);
        },
      );

      itWith(["top"], "the likeliest tokens, most likely first, as many as are asked for", async () => {
        await using engine = await open();
        const { mostTop } = engine.info.capabilities;
        const widths = mostTop === vocabularySize ? [3, vocabularySize, vocabularySize + 100] : [3, mostTop];
        for (const topCount of widths) {
          const count = Math.min(topCount, vocabularySize);
          for (const { token, law } of await drawBesideLaw(engine, { topCount })) {
            expect(token.top!.ids).toHaveLength(count);
            // Where two are as likely as each other but for rounding, either may come first.
            for (const [rank, id] of descending(law).slice(0, count).entries()) {
              expectNear(token.top!.logprobs[rank]!, law[id]!);
              expectNear(law[token.top!.ids[rank]!]!, law[id]!);
            }
          }
        }
      });

      itWith(
        ["top", "logNormalizer"],
        "their log-probs in the law it draws from, where asked to",
        async () => {
          await using engine = await open();
          const sampled = { topCount: 2, logprobsMode: "sampled" } as const;
          for (const { token, law, logZ } of await drawBesideLaw(engine, sampled)) {
            for (const [rank, id] of token.top!.ids.entries())
              expectNear(token.top!.logprobs[rank]!, inverseTemperature * law[id]! - logZ);
          }
        },
      );

      itWith(["load"], "its load, idle", async () => {
        await using engine = await open();
        const { lanes, pulled, passMs } = engine.load()!;
        expect(lanes).toBeGreaterThanOrEqual(1);
        expect(pulled).toBe(0);
        expect(passMs(1)).toBeGreaterThanOrEqual(0);
      });

      itWith(["load", "faults"], "how many sequences are pulled", async () => {
        const passes = holdPasses();
        await using engine = await open(passes);
        const drawing = [0, 1, 2].map((index) => draw(engine, { prefix: prefixOf(index), maxTokens: 1 }));
        await until(() => engine.load()!.pulled === 3);
        passes.release();
        await Promise.all(drawing);
        expect(engine.load()!.pulled).toBe(0);
      });

      it("its health: that it is well, and how many tokens it ran", async () => {
        await using engine = await open();
        const before = engine.health();
        expect(before.status).toBe("ok");
        await draw(engine);
        expect(engine.health().evaluatedTokens - before.evaluatedTokens).toBeGreaterThanOrEqual(length);
      });
    });

    describe("draws", () => {
      it("from p^(1/τ)", async () => {
        await using engine = await open();
        const law = (await lawAfter(engine, prompt)).map((log) => inverseTemperature * log);
        await expectDrawn(engine, { maxTokens: 1 }, law);
      });

      itWith(["without"], "the first token from what its law has beyond some, where asked to", async () => {
        await using engine = await open();
        const law = (await lawAfter(engine, prompt)).map((log) => inverseTemperature * log);
        const without = descending(law).slice(0, Math.floor(vocabularySize / 3));
        const left = law.map((log, id) => (without.includes(id) ? -Infinity : log));
        await expectDrawn(engine, { maxTokens: 1, without }, left);
        // Those after it are drawn as if nothing had been asked of the first.
        const [first, second, third] = await draw(engine, { without, maxTokens: 3 });
        expect(without).not.toContain(first!.token);
        expectNear(first!.logprob, law[first!.token]! / inverseTemperature);
        expect([second, third]).not.toContain(undefined);
        const others = new Set<number>();
        for (let choice = 0; choice < 64; choice++) {
          const draws = { ...request().draws, choice };
          const warm = { inverseTemperature: 0.5 };
          others.add((await draw(engine, { without, maxTokens: 2, draws, sampling: warm }))[1]!.token);
        }
        expect([...others].some((id) => without.includes(id))).toBe(true);
      });

      itWith(
        ["repeats"],
        "by inverse CDF in descending probability, by the uniform of the address",
        async () => {
          await using engine = await open();
          for (const { token, position, law, logZ } of await drawBesideLaw(engine)) {
            const u = uniform(request().draws, "token", position);
            let mass = 0;
            const order = descending(law);
            expect(token.token).toBe(
              order.find((id) => (mass += Math.exp(inverseTemperature * law[id]! - logZ)) > u),
            );
          }
        },
      );

      itWith(
        ["repeats", "logNormalizer"],
        "the first token beyond a share of its law, where asked to",
        async () => {
          await using engine = await open();
          // A memo remembers the second time.
          for (let time = 0; time < 2; time++) {
            for (let choice = 0; choice < 16; choice++) {
              const [beyond, draws] = [0.3 + choice / 25, { ...request().draws, choice }];
              const law = await lawAfter(engine, prompt);
              const logZ = logSumExp(law.map((log) => inverseTemperature * log));
              const u = uniform(draws, "token", prompt.length);
              let mass = 0;
              const expected = descending(law).find(
                (id) => (mass += Math.exp(inverseTemperature * law[id]! - logZ)) > beyond + (1 - beyond) * u,
              );
              const [first, ...others] = idsOf(await draw(engine, { draws, beyond, maxTokens: 3 }));
              expect(first).toBe(expected);
              // Those after it are drawn as if nothing had been asked of the first.
              const prefix = [...prompt, first!];
              expect(idsOf(await draw(engine, { draws, prefix, maxTokens: 2 }))).toEqual(others);
            }
          }
        },
      );

      itWith(["repeats"], "the same again, and beside others", async () => {
        await using engine = await open();
        const alone = idsOf(await draw(engine));
        const others = [0, 1, 2, 3].map((index) => draw(engine, { prefix: prefixOf(index) }));
        expect(idsOf(await draw(engine))).toEqual(alone);
        await Promise.all(others);
        await using fresh = await open();
        expect(idsOf(await draw(fresh))).toEqual(alone);
      });

      it("an end token, then ends; and ends at maxTokens without one", async () => {
        await using engine = await open();
        const all = new Set(Array.from({ length: vocabularySize }, (_, id) => id));
        expect(await draw(engine, { endTokens: all })).toHaveLength(1);
        expect(await draw(engine)).toHaveLength(length);
        const odd = new Set([...all].filter((id) => id % 2 === 1));
        for (let choice = 0; choice < 8; choice++) {
          const draws = { ...request().draws, choice };
          const tokens = idsOf(await draw(engine, { endTokens: odd, draws }));
          const end = tokens.findIndex((id) => odd.has(id));
          expect(tokens).toHaveLength(end === -1 ? length : end + 1);
        }
      });

      itWith(["truncation"], "the likeliest token alone where top_k is 1", async () => {
        await using engine = await open();
        const greedy = { sampling: { inverseTemperature: 1, topK: 1 } };
        for (const { token, law } of await drawBesideLaw(engine, greedy))
          expectNear(law[token.token]!, Math.max(...law));
      });

      itWith(["truncation"], "none of those that top_p and min_p cut off", async () => {
        await using engine = await open();
        for (let choice = 0; choice < 8; choice++) {
          const draws = { ...request().draws, choice };
          const minP = { draws, sampling: { inverseTemperature: 1, minP: 0.5 } };
          for (const { token, law } of await drawBesideLaw(engine, minP))
            expect(law[token.token]!).toBeGreaterThan(Math.max(...law) + Math.log(0.5) - tolerance);
          const topP = { draws, sampling: { inverseTemperature: 1, topP: 0.3 } };
          for (const { token, law } of await drawBesideLaw(engine, topP)) {
            const likelier = law.filter((log) => log > law[token.token]! + tolerance);
            expect(likelier.reduce((sum, log) => sum + Math.exp(log), 0)).toBeLessThan(0.3 + tolerance);
          }
        }
      });

      itWith(["adjustments"], "what a bias makes it, and tells the model's own log p of it", async () => {
        await using engine = await open();
        const adjustments = { bias: new Map([[1, 100]]), promptLength: prompt.length };
        const biased = { sampling: { inverseTemperature: 1, adjustments } };
        for (const { token, law } of await drawBesideLaw(engine, biased)) {
          expect(token.token).toBe(1);
          expectNear(token.logprob, law[1]!);
        }
      });
    });

    describe("scores", () => {
      itWith(["scores"], "given tokens as it scored them when it drew them, whatever is cached", async () => {
        await using engine = await open();
        const drawn = await draw(engine);
        const tokens = [...prompt, ...idsOf(drawn)];
        const scores = await engine.score(tokens, { topCount: 0 }, never);
        expect(idsOf(scores)).toEqual(tokens.slice(1));
        for (const [index, { logprob }] of drawn.entries())
          expectNear(scores[prompt.length - 1 + index]!.logprob, logprob);
        expect(await engine.score(tokens.slice(0, 1), { topCount: 0 }, never)).toEqual([]);
      });

      itWith(["scores", "top"], "by the model's law after each prefix", async () => {
        await using engine = await open();
        const tokens = [...prefixOf(2), ...prefixOf(3)];
        const scores = await engine.score(tokens, { topCount: 2 }, never);
        for (const [index, { logprob, top }] of scores.entries()) {
          const law = await lawAfter(engine, tokens.slice(0, index + 1));
          expectNear(logprob, law[tokens[index + 1]!]!);
          expect(top!.ids).toHaveLength(2);
          expectNear(top!.logprobs[0]!, Math.max(...law));
        }
      });

      itWith(["scores"], "nothing any more once it is called off", async () => {
        await using engine = await open();
        const controller = new AbortController();
        const scoring = codeOf(engine.score(prefixOf(1), { topCount: 0 }, controller.signal));
        controller.abort();
        expect(await scoring).toBe("aborted");
      });
    });

    describe("held to a constraint", () => {
      itWith(
        ["constraints"],
        "draws what is permitted, by log p of the model and log Z of what is",
        async () => {
          await using engine = await open();
          const asked = { constraint, promptLength: prompt.length, topCount: Math.min(4, vocabularySize) };
          for (const [index, { token, law }] of (await drawBesideLaw(engine, asked)).entries()) {
            const permitted = law.map((log, id) => (id % 3 === index % 3 ? log : -Infinity));
            expect(token.token % 3).toBe(index % 3);
            expectNear(token.logprob, law[token.token]!);
            expectNear(token.logNormalizer, logSumExp(permitted.map((log) => inverseTemperature * log)));
            const known = Array.from(token.top!.logprobs).filter((logprob) => logprob > -Infinity);
            for (const [rank, logprob] of known.entries())
              expectNear(logprob, permitted[descending(permitted)[rank]!]!);
          }
        },
      );

      itWith(["constraints"], "goes on from a prefix as from the prompt", async () => {
        await using engine = await open();
        const whole = await draw(engine, { constraint, promptLength: prompt.length });
        const prefix = [...prompt, ...whole.slice(0, 2).map(({ token }) => token)];
        const rest = { constraint, promptLength: prompt.length, prefix, maxTokens: whole.length - 2 };
        const tokens = (await draw(engine, rest)).map(({ token }) => token);
        expect(tokens).toEqual(whole.slice(2).map(({ token }) => token));
      });
    });

    describe("refuses", () => {
      it("what cannot be run", async () => {
        await using engine = await open();
        const room = engine.info.maxLength - prompt.length;
        expect(await codeOf(draw(engine, { maxTokens: room + 1 }))).toBe("context_length_exceeded");
        expect(await codeOf(draw(engine, { prefix: [] }))).toBe("invalid_request");
        expect(await codeOf(draw(engine, { prefix: [vocabularySize] }))).toBe("invalid_request");
        expect(await codeOf(draw(engine, { prefix: [0.5] }))).toBe("invalid_request");
        // A prompt and its completion may fill the context to the last token.
        expect(await draw(engine, { maxTokens: room })).toHaveLength(room);
      });

      const asked: readonly [Need, string, (engine: Engine) => Promise<unknown>][] = [
        ["top", "logprobs", (engine) => draw(engine, { topCount: 1 })],
        ["truncation", "top_k", (engine) => draw(engine, { sampling: { inverseTemperature, topK: 2 } })],
        ["truncation", "top_p", (engine) => draw(engine, { sampling: { inverseTemperature, topP: 0.5 } })],
        ["truncation", "min_p", (engine) => draw(engine, { sampling: { inverseTemperature, minP: 0.5 } })],
        [
          "adjustments",
          "presence_penalty",
          (engine) => {
            const adjustments = { presencePenalty: 1, promptLength: prompt.length };
            return draw(engine, { sampling: { inverseTemperature, adjustments } });
          },
        ],
        [
          "constraints",
          "response_format",
          (engine) => draw(engine, { constraint, promptLength: prompt.length }),
        ],
        ["scores", "echo", (engine) => engine.score(prompt, { topCount: 0 }, never)],
      ];
      it.each(asked)("what it lacks, and that alone: %s, by the name %s", async (need, param, ask) => {
        await using engine = await open();
        const refusal = { code: "unsupported", param };
        expect(await failureOf(ask(engine))).toEqual(
          lacks[need] === undefined ? { code: "resolved" } : refusal,
        );
      });
    });

    describe("lets go", () => {
      itWith(["occupancy"], "of what an extension held when its reader leaves early", async () => {
        await using engine = await open();
        for await (const _ of engine.extend(request(), never)) break;
        await until(() => held(engine) === 0);
      });

      it("with `aborted` between tokens, what it may remember notwithstanding", async () => {
        await using engine = await open();
        expect(await draw(engine)).toHaveLength(length);
        const controller = new AbortController();
        // More tokens than were drawn above, so that a memo cannot give them all in the first run.
        const again = engine.extend(request({ maxTokens: length + 4 }), controller.signal);
        const runs = again[Symbol.asyncIterator]();
        expect((await runs.next()).done).toBe(false);
        controller.abort();
        expect(await codeOf(runs.next())).toBe("aborted");
        expect(await codeOf(draw(engine, {}, controller.signal))).toBe("aborted");
      });

      itWith(["faults", "occupancy"], "with `aborted` in mid-pass and while waiting for room", async () => {
        const passes = holdPasses();
        await using engine = await open(passes);
        const controllers = Array.from({ length: 5 }, () => new AbortController());
        const codes = controllers.map(({ signal }, index) =>
          codeOf(draw(engine, { prefix: prefixOf(index) }, signal)),
        );
        await passes.begun;
        // The pass is still under way: neither those in it nor those that wait hear of its end first.
        for (const [index, controller] of controllers.entries()) {
          controller.abort();
          expect(await codes[index]).toBe("aborted");
        }
        passes.release();
        await until(() => held(engine) === 0);
        expect(await draw(engine)).toHaveLength(length);
      });

      it("of none that is read: more sequences than it has room for finish, those left unpulled too", async () => {
        await using engine = await open();
        const idle = Array.from({ length: 3 }, (_, index) =>
          engine.extend(request({ prefix: prefixOf(index) }), never)[Symbol.asyncIterator](),
        );
        for (const runs of idle) await runs.next();
        const others = Array.from({ length: 5 }, (_, index) => draw(engine, { prefix: prefixOf(3 + index) }));
        expect((await Promise.all(others)).map((tokens) => tokens.length)).toEqual(Array(5).fill(length));
        for (const runs of idle) {
          expect((await runs.next()).done).toBe(false);
          await runs.return(undefined);
        }
        if (subject.held !== undefined) await until(() => held(engine) === 0);
      });

      it("with `shutting_down` of what still runs when it is disposed of", async () => {
        const engine = await open();
        const [idle, left, running] = [0, 1, 2].map((index) =>
          engine.extend(request({ prefix: prefixOf(index) }), never)[Symbol.asyncIterator](),
        );
        for (const runs of [idle, left, running]) await runs!.next();
        const pulled = codeOf(readOn(running!));
        await engine[Symbol.asyncDispose]();
        expect(await pulled).toBe("shutting_down");
        expect(await codeOf(idle!.next())).toBe("shutting_down");
        await left!.return(undefined);
        if (subject.held !== undefined) expect(held(engine)).toBe(0);
      });
    });

    describe("disposed of in mid-pass", () => {
      itWith(["faults", "occupancy"], "ends what is in it, and touches nothing after it", async () => {
        const passes = holdPasses({ isHolding: false });
        const engine = await open(passes);
        const [idle, left] = [0, 1].map((index) =>
          engine.extend(request({ prefix: prefixOf(index) }), never)[Symbol.asyncIterator](),
        );
        for (const runs of [idle, left]) await runs!.next();
        passes.hold();
        const running = codeOf(draw(engine, { prefix: prefixOf(2) }));
        await passes.begun;
        const disposed = engine[Symbol.asyncDispose]();
        passes.release();
        await disposed;
        expect(await running).toBe("shutting_down");
        expect(await codeOf(idle!.next())).toBe("shutting_down");
        await left!.return(undefined);
        expect(held(engine)).toBe(0);
      });
    });

    describe("fails", () => {
      itWith(["faults"], "only the sequence for which the model gives no numbers", async () => {
        const poisoned = prefixOf(4);
        await using engine = await open({
          isPoisoned: (prefix) =>
            prefix.length > poisoned.length && poisoned.every((token, index) => prefix[index] === token),
        });
        const bad = codeOf(draw(engine, { prefix: poisoned }));
        const good = draw(engine);
        expect(await bad).toBe("numerical_error");
        expect(await good).toHaveLength(length);
        expect(engine.health().status).toBe("ok");
      });

      itWith(["faults", "failures"], "all when a pass fails, and says so", async () => {
        let passes = 0;
        await using engine = await open({
          onPass: () => {
            if (++passes > 4) throw new Error("device lost");
          },
        });
        const codes = [1, 2, 3].map((index) => codeOf(draw(engine, { prefix: prefixOf(index) })));
        expect(await Promise.all(codes)).toEqual(Array(3).fill("engine_failed"));
        const { status, reason } = engine.health();
        expect(status).toBe("failed");
        expect(reason).toContain("device lost");
        expect(await codeOf(draw(engine))).toBe("engine_failed");
      });

      itWith(
        ["faults", "failures", "occupancy"],
        "and frees what a reader held that left in that very pass",
        async () => {
          const passes = holdPasses();
          await using engine = await open(passes);
          const controller = new AbortController();
          const left = codeOf(draw(engine, { prefix: prefixOf(0) }, controller.signal));
          const stayed = codeOf(draw(engine, { prefix: prefixOf(1) }));
          await passes.begun;
          controller.abort();
          expect(await left).toBe("aborted");
          passes.fail(new Error("device lost"));
          expect(await stayed).toBe("engine_failed");
          await until(() => held(engine) === 0);
          expect(engine.health().status).toBe("failed");
        },
      );
    });
  });
}
