import { expect, it, vi } from "vitest";
import { groupResults } from "../../../src/evaluation/groups.ts";
import { summarize } from "../../../src/evaluation/summary.ts";
import type { Result } from "../../../src/evaluation/result.ts";

vi.mock("../../../src/samplers/declarations.ts", async (original) => {
  const { declarations } = await original<typeof import("../../../src/samplers/declarations.ts")>();
  return { declarations: { ...declarations, fixed: { ...declarations.standard, ignoresSeed: true } } };
});

const answered = (sampler: string): Result => {
  const cost = { tokens: 5, evaluatedTokens: 5, drawnTokens: 5 };
  const sample = { text: "#2", answer: "2", isCorrect: true, finish: "stop", likelihood: null, ...cost };
  const asked = { model: "m", source: "m", id: "1+1", seed: 0, seconds: 1 };
  return { ...asked, configuration: sampler, fields: { sampler }, samples: [sample, sample, sample] };
};

it.each([
  ["greedy", 5],
  ["fixed", 5],
  ["standard", 15],
])("answers of %s cost %i tokens in all: one that stands for all is paid once", (sampler, tokens) => {
  expect(summarize(groupResults([answered(sampler)], 1).finished)[0]!.totalEvaluatedTokens).toBe(tokens);
});
