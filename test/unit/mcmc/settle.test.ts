import { describe, expect, it } from "vitest";
import type { Completion, CompletionToken } from "../../../src/mcmc/completion.ts";
import { uniformCut } from "../../../src/mcmc/cut.ts";
import type { KernelFamily, StepInfo } from "../../../src/mcmc/kernel.ts";
import { multipleTry } from "../../../src/mcmc/multiple-try.ts";
import { BoundedSuffix, settle } from "../../../src/mcmc/settle.ts";
import type { Narrow } from "../../../src/mcmc/settle.ts";
import { singleTry } from "../../../src/mcmc/single-try.ts";
import { Replay } from "../../support/chosen-step.ts";

const target = { alpha: 2, inverseTemperature: 2 };

/** Tokens of which log Z lies between two bounds. */
const tokens = (ids: readonly number[], bounds: readonly (readonly [number, number])[]): CompletionToken[] =>
  bounds.map(([low, high], position) => ({
    token: ids[position]!,
    logprob: -1,
    logNormalizer: high,
    logNormalizerGap: high - low,
    entropy: 1,
  }));

/** An engine that tells log Z of these tokens on request. */
const tells =
  (truth: ReadonlyMap<number, number>): Narrow =>
  (completion, position) => {
    const token = completion[position]!;
    const logNormalizer = truth.get(token.token);
    return Promise.resolve(
      logNormalizer === undefined ? undefined : { ...token, logNormalizer, logNormalizerGap: 0 },
    );
  };

interface Step {
  readonly family?: KernelFamily;
  readonly state: Completion;
  readonly proposal: Completion;
  readonly logU: number;
  readonly earlyRejection?: boolean;
  readonly narrow?: Narrow;
}

/** A step that replaces the whole state. */
async function take({
  family = singleTry(uniformCut),
  state,
  proposal,
  logU,
  ...rest
}: Step): Promise<StepInfo> {
  const result = await family(target).step(state, {
    horizon: state.length,
    draws: () => ({ cut: 0, accept: Math.exp(logU), select: 0.5, swap: 0.5 }),
    propose: () => new Replay(proposal, 0),
    earlyRejection: false,
    inTurn: false,
    ...rest,
  });
  return result!.info;
}

const exactly = [-1, -1] as const;
const wide = [-3, 0] as const;

describe.each<[string, KernelFamily]>([
  ["a single try", singleTry(uniformCut)],
  ["one of several tries", multipleTry(uniformCut, 1)],
])("%s whose log Z is known within bounds", (_, family) => {
  const state = tokens([1, 2, 3], [exactly, wide, wide]);
  const proposal = tokens([4, 5, 6], [exactly, exactly, exactly]);

  it("asks for more where the uniform lies between the bounds, and decides by it", async () => {
    const light = new Map([2, 3].map((id) => [id, -2.5]));
    const heavy = new Map([2, 3].map((id) => [id, -0.1]));
    expect(await take({ family, state, proposal, logU: -0.5, narrow: tells(light) })).toMatchObject({
      outcome: "accepted",
    });
    const rejected = await take({ family, state, proposal, logU: -0.5, narrow: tells(heavy) });
    expect(rejected).toMatchObject({ outcome: "rejected" });
    expect(rejected.undecidedWidth).toBeUndefined();
  });

  it("is not rejected early by what may yet be accepted", async () => {
    const light = new Map([2, 3].map((id) => [id, -2.5]));
    const step = { family, state, proposal, logU: -0.5, earlyRejection: true };
    expect(await take({ ...step, narrow: tells(light) })).toMatchObject({ outcome: "accepted" });
    expect(
      await take({ ...step, logU: -0.3, state: tokens([1, 2, 3], [exactly, [-0.1, 0], [-0.1, 0]]) }),
    ).toMatchObject({ outcome: "rejected_early" });
  });

  it("asks for nothing where the uniform lies outside", async () => {
    const narrow: Narrow = () => Promise.reject(new Error("asked"));
    expect(await take({ family, state, proposal, logU: -2.5, narrow })).toMatchObject({
      outcome: "accepted",
    });
  });

  it("is decided by the upper bound where no more is told, and says by how much it may be wrong", async () => {
    const undecided = await take({ family, state, proposal, logU: -0.5 });
    expect(undecided.outcome).toBe("accepted");
    expect(undecided.undecidedWidth).toBeCloseTo(6, 10);
  });

  it("has log Z of the token where it parts from the state in common with it", async () => {
    const narrow: Narrow = () => Promise.reject(new Error("asked"));
    const open = tokens([1, 2, 3], [wide, exactly, exactly]);
    const parts = tokens([4, 5, 6], [wide, exactly, exactly]);
    expect(await take({ family, state: open, proposal: parts, logU: -1e-9, narrow })).toMatchObject({
      outcome: "accepted",
    });
  });
});

describe("settling", () => {
  it("narrows the widest bounds first, each once, until nothing is left to be told", async () => {
    const suffix = new BoundedSuffix(
      tokens(
        [1, 2, 3],
        [
          [-1, 0],
          [-3, 0],
          [-2, 0],
        ],
      ),
      0,
    );
    const asked: number[] = [];
    const decision = await settle<string>(
      [suffix],
      () => undefined,
      (_completion, position) => {
        asked.push(position);
        return Promise.resolve(undefined);
      },
    );
    expect(decision).toBeUndefined();
    expect(asked).toEqual([1, 2, 0]);
  });

  it("takes no bounds that are wider than what it has", async () => {
    const suffix = new BoundedSuffix(tokens([1], [[-1, 0]]), 0);
    await suffix.narrow(0, async (completion) => Promise.resolve({ ...completion[0]!, logNormalizerGap: 2 }));
    expect([suffix.low, suffix.high]).toEqual([-1, 0]);
  });
});
