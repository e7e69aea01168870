import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WatchEvent } from "../../../src/client/client.ts";
import { TerminalView, printable } from "../../../src/commands/terminal-view.ts";

const choice = { id: "a", index: 0 };
const token = (from_char: number) => ({ id: 1, from_char, logprob: -1, entropy: 0 });
const tokensOf = (text: string, from: number) => Array.from(text, (_, index) => token(from + index));

const block = (number: number): WatchEvent => ({
  type: "block",
  ...choice,
  block: number,
  blocks: 4,
  horizon: 3,
  steps: 10,
});
const revision = (from: number, text: string, step = 0): WatchEvent => ({
  type: "revision",
  ...choice,
  block: 1,
  step,
  from_char: from,
  from_token: from,
  text,
  tokens: tokensOf(text, from),
  logprob: -2,
});
function* step(number: number, text: string, outcome: "accepted" | "rejected"): Generator<WatchEvent> {
  const at = { ...choice, block: 1, step: number };
  yield { type: "proposal", ...at, cut: 1, from_char: 1, text, tokens: tokensOf(text, 1), log_ratio: -1 };
  yield { type: "decision", ...at, outcome, probability: 0.25, swapped: false, logprob: -number };
  if (outcome === "accepted") yield revision(1, text, number);
}

const create = (columns = 60, colors = false): TerminalView =>
  new TerminalView({ prompt: "1+1=", columns, colors });

describe("TerminalView", () => {
  it("shows what a request comes to before there is a step, the first candidate, and how all of them vote", () => {
    const view = create(80);
    expect(view.lines()).toEqual(["1+1="]);
    const accepted = { type: "accepted", id: "a", model: "abacus", sampler: "power", seed: 3 } as const;
    expect(view.take({ ...accepted, choices: 4, prompt_tokens: 4, max_tokens: 48 })).toBe(true);
    const note = "power of abacus, seed 3, at most 48 tokens; the first of 4 candidates is shown";
    expect(view.lines()).toEqual(["1+1=", "", note]);
    expect(view.take({ type: "token", id: "a", index: 1, text: "9", tokens: [token(0)] })).toBe(false);
    expect(view.take({ type: "token", id: "a", index: 0, text: "2", tokens: [token(0)] })).toBe(true);
    const answer = { answer: "2\n", count: 2, share: 1, candidates: [0, 1] };
    const counts = { unanswered: 1, candidates: 4, drawn: 3, skipped: 1, leader_confidence: 0.8 };
    const votes = { prompt: 0, answers: [answer], stopped_early: "settled" as const, ...counts };
    expect(view.take({ type: "votes", id: "a", votes })).toBe(true);
    expect(view.lines()).toEqual(["1+1=2", "", "votes of 3/4, settled: 2␤ ×2  no answer ×1"]);
  });

  it("says how far particles are that draft the answer, until it is there", () => {
    const view = create();
    const counts = { moved: 0, unchanged: 0, rejected: 0, rejected_early: 0, acceptance: 0 };
    const progress = {
      type: "progress",
      ...choice,
      block: 1,
      blocks: 1,
      step: 0,
      steps: 1,
      ...counts,
    } as const;
    expect(view.take({ ...progress, drafted_tokens: 7, horizon: 48 })).toBe(true);
    expect(view.lines()).toEqual(["1+1=", "", "drafting: 7 of at most 48 tokens"]);
    expect(view.take({ ...progress, index: 1, drafted_tokens: 9, horizon: 48 })).toBe(false);
    view.take(block(1));
    view.take(revision(0, "abc"));
    expect(view.take(progress)).toBe(false);
    expect(view.lines().join()).not.toContain("drafting");
  });

  it("shows the prompt, the answer as last revised, the step, the proposal, and log p as bars", () => {
    const view = create(80);
    expect(view.take(block(1))).toBe(true);
    expect(view.take(revision(0, "abc"))).toBe(true);
    const frames = [...step(1, "xy", "rejected"), ...step(2, "z", "accepted")].filter((event) =>
      view.take(event),
    );
    // A step is one frame: the decision that rejects, or the revision that accepts.
    expect(frames.map(({ type }) => type)).toEqual(["decision", "revision"]);
    expect(view.lines()).toEqual([
      "1+1=az",
      "",
      "block 1/4  step 2/10  log p -2.00  moved 1  unchanged 0  rejected 1",
      "accepted  p 0.25  +1 z",
      "█▁",
    ]);
  });

  it("shows proposals that no completion stands behind as tries, without a log p, apart from a chain's steps", () => {
    const view = create(80);
    view.take(block(1));
    const rejected = [...step(1, "xy", "rejected")].concat(...step(2, "z", "rejected"));
    for (const event of rejected) view.take(event);
    expect(view.lines().slice(2)).toEqual(["tries 2  log p –", "rejected  p 0.25  +1 z", ""]);
    const accepted = revision(0, "abc", 3);
    if (accepted.type !== "revision") throw new Error("a revision");
    expect(view.place(accepted)).toBe("try 3");
    view.take(accepted);
    expect(view.lines()[2]).toBe("tries 2  log p -2.00");
    // The chain of a fallback goes on from its draft.
    for (const event of step(1, "x", "rejected")) view.take(event);
    expect(view.lines()[2]).toBe(
      "block 1/4  step 1/10  log p -1.00  moved 0  unchanged 0  rejected 1  tries 2",
    );
    expect(view.place(accepted)).toBe("block 1 step 3");
  });

  it("marks what was just revised, and lets the mark fade", () => {
    const view = create(60, true);
    view.take(block(1));
    view.take(revision(0, "abc"));
    const fresh = view.lines()[0]!;
    expect(stripVTControlCharacters(fresh)).toBe("1+1=abc");
    expect(fresh).toContain("\u001b[43m");
    for (let number = 1; number <= 6; number++)
      for (const event of step(number, "q", "rejected")) view.take(event);
    const old = view.lines()[0]!;
    expect(old).not.toContain("\u001b[43m");
    expect(old.endsWith("abc")).toBe(true);
  });

  it("marks it where the command says so, whatever the environment says", () => {
    const before = process.env.NO_COLOR;
    process.env.NO_COLOR = "1";
    try {
      const view = create(60, true);
      view.take(block(1));
      view.take(revision(0, "abc"));
      expect(view.lines()[0]).toContain("\u001b[43m");
    } finally {
      if (before === undefined) delete process.env.NO_COLOR;
      else process.env.NO_COLOR = before;
    }
  });

  it("grows the text of a standard sampler, and has no chain to tell of", () => {
    const view = create();
    for (const [index, text] of ["a", "b"].entries())
      expect(view.take({ type: "token", ...choice, text, tokens: [token(index)] })).toBe(true);
    expect(view.lines()).toEqual(["1+1=ab"]);
  });

  it.each([60, 55, 50, 43])("shows whole figures or none in %d columns", (columns) => {
    const view = create(columns);
    view.take(block(1));
    view.take(revision(0, "12"));
    for (let number = 1; number <= 145; number++)
      for (const event of step(number, "3", number % 2 === 0 ? "accepted" : "rejected")) view.take(event);
    const status = view.lines().at(-3)!;
    expect(status).toMatch(
      /^block 1\/4 {2}step 145\/10 {2}log p -\S+( {2}moved 72( {2}unchanged 0( {2}rejected 73)?)?)?$/,
    );
  });

  it("keeps every line within its columns, wide characters counted twice, and loses nothing", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "漢", "é", "\n", "👩", "\u001b[2J"), maxLength: 60 }),
        fc.integer({ min: 30, max: 60 }),
        (text, columns) => {
          const view = create(columns);
          view.take({ type: "token", ...choice, text, tokens: [token(0)] });
          const lines = view.lines();
          for (const line of lines) {
            const width = Array.from(line, (character) => (/[漢👩]/u.test(character) ? 2 : 1)).length;
            expect(width).toBeLessThanOrEqual(columns);
            expect(line).not.toContain("\u001b");
          }
          expect(lines.join("")).toBe(`1+1=${printable(text)}`.replaceAll("\n", ""));
        },
      ),
      { seed: 4 },
    );
  });

  it("lets no text command the terminal", () => {
    expect(printable("a\u001b[31mb\r\nc\td\u0007\u009b")).toBe("a␛[31mb\nc    d␇␛");
  });
});
