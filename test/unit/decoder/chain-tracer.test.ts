import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChainTracer } from "../../../src/decoder/chain-tracer.ts";
import { CompletionText } from "../../../src/decoder/completion-text.ts";
import type { ChainTrace, TracedToken } from "../../../src/decoder/completer.ts";
import { TextStream } from "../../../src/decoder/text-stream.ts";
import type { StageEvent } from "../../../src/mcmc/stages.ts";
import type { Completion, CompletionToken } from "../../../src/mcmc/completion.ts";
import { noSteps } from "../../../src/mcmc/diagnostics.ts";
import type { Outcome } from "../../../src/mcmc/kernel.ts";
import { byteTokenizer } from "../../support/byte-tokenizer.ts";

const tokenizer = byteTokenizer();
const scored = (token: number, index: number): CompletionToken => ({
  token,
  logprob: -1 - index / 8,
  logNormalizer: 0,
  entropy: index / 4,
});
const completionOf = (bytes: readonly number[]): Completion => bytes.map(scored);
const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];

const block = (state: Completion, stage = 0): StageEvent => ({
  type: "block",
  stage,
  horizon: 99,
  state,
  diagnostics: noSteps,
});

const step = (
  previous: Completion,
  cut: number,
  suffix: Completion,
  outcome: Outcome = "accepted",
): StageEvent & { type: "step" } => ({
  type: "step",
  address: { stage: 0, step: 1 },
  info: { outcome, cut, suffix, drawnTokens: suffix.length, logRatio: -1 },
  previous,
  state: outcome === "accepted" ? [...previous.slice(0, cut), ...suffix] : previous,
  diagnostics: noSteps,
});

const textOf = (stop: readonly string[]): CompletionText =>
  new CompletionText(tokenizer, { prompt: [], stop, ends: [] });
const tracerOf = (stops: readonly string[] = []): ChainTracer => new ChainTracer(textOf(stops));

const length = { blocks: 3, steps: 5 };

const finalText = (state: Completion, stops: readonly string[]): string => {
  const stream = new TextStream(textOf(stops));
  return [...state.map((token) => stream.push(token)), stream.flush()].map(({ text }) => text).join("");
};

/** The text of a client that knows nothing but the revisions. */
function replay(traces: readonly ChainTrace[]): { text: string; tokens: readonly TracedToken[] } {
  let text: readonly string[] = [];
  let tokens: readonly TracedToken[] = [];
  for (const trace of traces) {
    if (trace.type !== "revision") continue;
    expect(trace.fromChar).toBeLessThanOrEqual(text.length);
    expect(trace.fromToken).toBeLessThanOrEqual(tokens.length);
    text = text.slice(0, trace.fromChar).concat(Array.from(trace.text));
    tokens = [...tokens.slice(0, trace.fromToken), ...trace.tokens];
  }
  return { text: text.join(""), tokens };
}

/** Bytes of characters, cut anywhere: a state may end in the middle of one. */
const states = fc.array(
  fc
    .tuple(
      fc.string({ unit: fc.constantFrom("a", "b", "é", "漢", "👩‍🚀"), minLength: 1, maxLength: 6 }),
      fc.nat({ max: 24 }),
    )
    .map(([text, length]) => bytesOf(text).slice(0, Math.max(1, length))),
  { minLength: 1, maxLength: 6 },
);

describe("ChainTracer", () => {
  it("revises so that a replay has the text and the tokens that the state would be released with", () => {
    fc.assert(
      fc.property(states, fc.constantFrom([], ["ab"], ["é漢", "b"]), (list, stops) => {
        const tracer = tracerOf(stops);
        const traces: ChainTrace[] = [];
        for (const [stage, bytes] of list.entries()) {
          const state = completionOf(bytes);
          traces.push(...tracer.follow(block(state, stage), length));
          const { text, tokens } = replay(traces);
          expect(text).toBe(finalText(state, stops));
          expect(tokens.map(({ token }) => token)).toEqual(bytes);
          expect(tokens.map(({ logprob }) => logprob)).toEqual(state.map(({ logprob }) => logprob));
          const offsets = tokens.map(({ offset }) => offset);
          expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
        }
      }),
      { seed: 2 },
    );
  });

  it("says where the text differs to the character, and nothing when it does not", () => {
    const tracer = tracerOf();
    const state = completionOf(bytesOf("née"));
    expect([...tracer.follow(block(state), length)]).toMatchObject([
      { type: "block", block: 1, blocks: 3, steps: 5, horizon: 99 },
      { type: "revision", block: 1, step: 0, fromChar: 0, fromToken: 0, text: "née" },
    ]);
    expect([...tracer.follow(block(state, 1), length)].map(({ type }) => type)).toEqual(["block"]);
    // è is é but for its second byte: the character before is kept, and one token more than that.
    const accepted = [...tracer.follow(step(state, 1, completionOf(bytesOf("èe"))), length)];
    expect(accepted.map(({ type }) => type)).toEqual(["proposal", "decision", "revision"]);
    expect(accepted[0]).toMatchObject({ cut: 1, fromChar: 1, text: "èe", logRatio: -1, block: 1, step: 1 });
    expect(accepted[1]).toMatchObject({ outcome: "accepted", probability: Math.exp(-1) });
    expect(accepted[2]).toMatchObject({ fromChar: 1, fromToken: 2, text: "èe" });
  });

  it.each(["rejected", "rejected_early", "unchanged"] as const)(
    "revises nothing when a proposal was %s",
    (outcome) => {
      const tracer = tracerOf();
      const state = completionOf(bytesOf("abc"));
      expect([...tracer.follow(block(state), length)]).toHaveLength(2);
      const traces = [...tracer.follow(step(state, 2, completionOf(bytesOf("x")), outcome), length)];
      expect(traces.map(({ type }) => type)).toEqual(["proposal", "decision"]);
      expect(traces[0]).toMatchObject({ cut: 2, fromChar: 2, text: "x" });
      expect(traces[1]).toMatchObject({ outcome, logprob: -3.375 });
    },
  );
});
