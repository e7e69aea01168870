import { describe, expect, it } from "vitest";
import type { Frame } from "../../../web/src/views/steps/recording.ts";
import { tell } from "../../../web/src/views/steps/step-words.ts";

const textOf = (text: string, logprob: number): Frame["after"] => ({
  text,
  tokens: [{ from_char: 0, logprob } as Frame["after"]["tokens"][number]],
});

/** A step by which an answer of probability 35 % gives way to another. */
const moved = (probability: number, logRatio: number): Frame => ({
  kind: "step",
  block: 1,
  step: 1,
  before: textOf("#5", Math.log(0.35)),
  after: textOf("#7", Math.log(probability)),
  kept: 0,
  proposal: { cut: 0, log_ratio: logRatio } as NonNullable<Frame["proposal"]>,
  decision: { outcome: "accepted", probability: Math.min(1, Math.exp(logRatio)) } as NonNullable<
    Frame["decision"]
  >,
  logprob: Math.log(probability),
  counts: { steps: 1, moved: 1, unchanged: 0, rejected: 0, tries: 0, swaps: 0 },
});

describe("what is told of a step", () => {
  it("says of a token of one among many answers that there were others", () => {
    const token: Frame = { ...moved(0.5, 0), kind: "token" };
    expect(tell(token, "standard")).toEqual(["The model wrote the next token, and it stays."]);
    expect(tell(token, "smc").join()).toMatch(/side by side.* drawn; the others are not shown/);
    expect(tell(token, "beam").join()).toMatch(/side by side.* chosen; the others are not shown/);
  });

  it("says of a less likely answer that it is one, and why it is taken all the same", () => {
    const told = tell(moved(0.19, 0)).join(" ");
    expect(told).toContain(
      "The old one was 1.8 times as likely as a whole, but the model also proposes the new",
    );
    expect(told).toContain("by as much: the two cancel (log r = 0.00), and it is taken without a coin.");
    expect(tell(moved(0.19, 0.5)).join(" ")).toContain(
      "by more: weighed together, it counts 1.6 times as much",
    );
    expect(tell(moved(0.19, -0.5)).join(" ")).toMatch(
      /only 60.7 % as much .*: it said yes\. The old one was 1.8 times/,
    );
  });

  it.each([0.35, 0.5])("says nothing of the kind of one that is as likely, or likelier", (probability) => {
    expect(tell(moved(probability, 0.4)).join(" ")).not.toContain("The old one was");
  });
});
