import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { uniform } from "../../../../src/core/random.ts";
import type { ExtendRequest } from "../../../../src/engine/engine.ts";
import { LaneCache } from "../../../../src/engine/local/lane-cache.ts";
import { OpenSequence } from "../../../../src/engine/local/open-sequence.ts";
import { PassTimes } from "../../../../src/engine/local/pass-times.ts";
import type { PlacedSequence } from "../../../../src/engine/local/placed-sequence.ts";
import { Pulls } from "../../../../src/engine/local/pulls.ts";
import { ExtendSequence } from "../../../../src/engine/local/sequence.ts";
import { Holding, Tenant } from "../../../../src/engine/local/tenant.ts";
import { drawToken } from "../../../../src/sampling/draw.ts";
import { measure } from "../../../../src/sampling/measure.ts";
import { createToyEngine, never } from "../../../support/toy-engine.ts";
import { createToyModel } from "../../../support/toy-model.ts";
import { ToyRunner } from "../../../support/toy-runner.ts";

const model = createToyModel({ seed: 3, vocabularySize: 6, endBias: -20 });
const prompt = Array.from({ length: 12 }, (_, index) => (index * index) % 5);

const request = (prefix: readonly number[]): ExtendRequest => ({
  prefix,
  maxTokens: 8,
  endTokens: new Set(),
  sampling: { inverseTemperature: 1 },
  draws: { seed: 1, choice: 0, stage: 0, step: 0 },
  topCount: 0,
});

let arrival = 0;
const open = (prefix: readonly number[]): OpenSequence =>
  new OpenSequence(new ExtendSequence(request(prefix)), {
    signal: never,
    tenant: new Tenant(undefined, new Holding()),
    arrival: ++arrival,
  });

const promptsOf = (runner: ToyRunner) => ({
  limits: runner.limits,
  passTimes: PassTimes.unmeasured(runner),
});

/** Runs what a sequence has pending, and lets it draw. */
async function advance(runner: ToyRunner, placed: PlacedSequence): Promise<void> {
  const { lane, cached, tokens, pending } = placed;
  const row = { lane: lane.index, tokens: tokens.slice(cached), position: cached };
  const logits = await runner.step([row]);
  placed.run(pending);
  placed.sequence.absorb((index) => logits.distribution(0, index, 1), placed.cached, pending);
}

/** What is drawn after a prefix, by the model alone. */
function draw(prefix: readonly number[], count: number): number[] {
  const tokens = [...prefix];
  const { draws, sampling } = request(prefix);
  while (tokens.length < prefix.length + count) {
    const u = uniform(draws, "token", tokens.length);
    const distribution = measure(model.logits(tokens), 1);
    tokens.push(drawToken(distribution, { sampling, u, topCount: 0, sequence: tokens }).token);
  }
  return tokens;
}

describe("LaneCache", () => {
  it.each([0, 4096])("truncates a sequence's lane, which goes on right; store of %i bytes", async (bytes) => {
    await using runner = new ToyRunner(model, { lanes: 2 });
    const lanes = new LaneCache(runner.memory, bytes, promptsOf(runner));
    const placed = lanes.hold(open(prompt));
    for (let count = 0; count < 5; count++) await advance(runner, placed);
    expect(placed.tokens).toEqual(draw(prompt, 5));
    expect(placed.cached).toBe(16);

    lanes.truncate(placed, 14);
    expect(runner.memory.length(placed.lane.index)).toBe(14);
    expect(placed.pending).toBe(3);
    await advance(runner, placed);
    expect(placed.tokens).toEqual(draw(prompt, 6));

    // Another sequence finds what is left, in the lane or in the store, and no more.
    lanes.truncate(placed, 9);
    lanes.release(placed);
    const next = lanes.hold(open(draw(prompt, 3)));
    expect(next.cached).toBe(9);
    await advance(runner, next);
    expect(next.tokens).toEqual(draw(prompt, 4));
    lanes.release(next);
    lanes.checkIntegrity();
  });

  it("truncates a lane to what its next holder has in common with the last", async () => {
    await using runner = new ToyRunner(model, { lanes: 1 });
    const lanes = new LaneCache(runner.memory, 0, promptsOf(runner));
    const first = lanes.hold(open(prompt));
    await advance(runner, first);
    lanes.release(first);
    const second = lanes.hold(open([...prompt.slice(0, 7), 5, 5]));
    expect(second.cached).toBe(7);
    expect(runner.memory.length(0)).toBe(7);
    await advance(runner, second);
    expect(second.tokens).toEqual(draw([...prompt.slice(0, 7), 5, 5], 1));
  });

  it("keeps what a sequence leaves behind in the store before another runs in its lane", async () => {
    await using runner = new ToyRunner(model, { lanes: 1 });
    const lanes = new LaneCache(runner.memory, 4096, promptsOf(runner));
    for (const tokens of [prompt, [5, 5, 5]]) {
      const placed = lanes.hold(open(tokens));
      await advance(runner, placed);
      lanes.release(placed);
    }
    const next = lanes.hold(open(draw(prompt, 1)));
    expect(next.cached).toBe(12);
    await advance(runner, next);
    expect(next.tokens).toEqual(draw(prompt, 2));
  });

  it("leads a sequence until its leader has run what they share, or is no longer pulled or placed", async () => {
    await using runner = new ToyRunner(model, { lanes: 3 });
    const pulls = new Pulls();
    const follow = () => {
      const lanes = new LaneCache(runner.memory, 0, promptsOf(runner));
      for (let lane = 0; lane < 3; lane++) runner.memory.truncate(lane, 0);
      const [ahead, behind] = [open(prompt), open([...prompt, 1])];
      for (const sequence of [ahead, behind]) void pulls.begin(sequence);
      const [leader, follower] = [lanes.hold(ahead), lanes.hold(behind)];
      expect(leader.isFollowing).toBe(false);
      lanes.endLeads();
      expect(follower.lead).toEqual({ leader, sharedTokens: 12 });
      return { lanes, leader, follower };
    };
    const done = follow();
    await advance(runner, done.leader);
    done.lanes.endLeads();
    expect(done.follower).toMatchObject({ isFollowing: false, cached: 12 });

    const left = follow();
    pulls.end(left.leader.open);
    left.lanes.endLeads();
    expect(left.follower).toMatchObject({ isFollowing: false, cached: 0 });

    const moved = follow();
    moved.lanes.release(moved.leader);
    moved.lanes.hold(moved.leader.open);
    moved.lanes.endLeads();
    expect(moved.follower.isFollowing).toBe(false);
  });
});

describe("an engine of one lane", () => {
  it("keeps what a sequence leaves behind that is closed while nothing runs", async () => {
    await using engine = createToyEngine({ model, lanes: 1, scheduler: { prefixStoreBytes: 4096 } });
    const stream = engine.extend(request(prompt), never);
    await stream.pull();
    // The engine falls idle a turn after its last pass.
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    expect(engine.health().details.prefixStore.bytes).toBe(0);
    stream[Symbol.dispose]();
    await expect.poll(() => engine.health().details.prefixStore.bytes).toBeGreaterThan(0);
  });

  it("truncates it to what the next sequence shares, and draws the tokens that it would on an empty one", async () => {
    const scheduler = { prefixStoreBytes: 0 };
    await using engine = createToyEngine({ model, lanes: 1, scheduler });
    for (const prefix of [prompt, [...prompt.slice(0, 7), 5, 5], prompt.slice(0, 5), prompt]) {
      const before = engine.health().evaluatedTokens;
      const tokens = [...prefix];
      for await (const run of engine.extend(request(prefix), never))
        tokens.push(...run.map(({ token }) => token));
      expect(tokens).toEqual(draw(prefix, 8));
      expect(engine.health().evaluatedTokens - before).toBeLessThanOrEqual(prefix.length + 7);
    }
    expect(engine.health().evaluatedTokens).toBeLessThan(12 + 7 + 2 + 7 + 1 + 7 + 12 + 7);
  });
});
