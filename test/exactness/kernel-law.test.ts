import { describe, expect, it } from "vitest";
import { measure } from "../../src/core/distribution.ts";
import type { CompletionToken } from "../../src/mcmc/completion.ts";
import type { Kernel } from "../../src/mcmc/kernel.ts";
import { stepUniformCut } from "../../src/mcmc/uniform-cut.ts";
import { createToyModel, enumerate, logSoftmax, powerDistribution } from "../support/toy-model.ts";
import { tabulateEmbedded } from "../support/tabulated-model.ts";
import type { EnumeratedCompletion, ToyModel } from "../support/toy-model.ts";

/**
 * Exact transition matrices, built through the kernel's own code: its discrete choices (the cut, the suffix) are
 * enumerated, the uniform that decides acceptance is integrated over its two cells.
 */

interface Law {
  readonly alpha: number;
  readonly inverseTemperature: number;
}

const prompt = [0, 1];

function scored(model: ToyModel, tokens: readonly number[], { inverseTemperature }: Law): CompletionToken[] {
  return tokens.map((token, position) => {
    const logits = model.logits([...prompt, ...tokens.slice(0, position)]);
    const { logNormalizer, entropy } = measure(logits, inverseTemperature);
    const logprob = logSoftmax(logits)[token]!;
    const proposalLogprob = inverseTemperature * logprob - logNormalizer;
    return { token, logprob, proposalLogprob, logNormalizer, entropy, ends: token === model.endToken };
  });
}

const startsWith = (tokens: readonly number[], prefix: readonly number[]): boolean =>
  prefix.every((token, index) => tokens[index] === token);

async function* replay(tokens: readonly CompletionToken[]): AsyncGenerator<CompletionToken> {
  yield* tokens;
}

/** P[from][to] of one step of the kernel. */
async function transitionMatrix(
  kernel: Kernel,
  {
    model,
    completions,
    horizon,
    law,
  }: { model: ToyModel; completions: readonly EnumeratedCompletion[]; horizon: number; law: Law },
): Promise<number[][]> {
  const states = completions.map(({ tokens }) => scored(model, tokens, law));
  const matrix = states.map(() => new Array<number>(states.length).fill(0));
  const step = (from: number, cut: number, to: number, accept: number) =>
    kernel(states[from]!, {
      target: law,
      horizon,
      // The middle of the cut's cell.
      draws: { cut: (cut + 0.5) / states[from]!.length, accept },
      propose: (kept) => replay(states[to]!.slice(kept)),
      earlyRejection: false,
    });
  for (const [from, state] of states.entries()) {
    for (let cut = 0; cut < state.length; cut++) {
      const kept = completions[from]!.tokens.slice(0, cut);
      for (const [to, proposed] of states.entries()) {
        if (proposed.length <= cut || !startsWith(completions[to]!.tokens, kept)) continue;
        const q = Math.exp(proposed.slice(cut).reduce((sum, token) => sum + token.proposalLogprob, 0));
        const { info } = await step(from, cut, to, 0.5);
        expect(info!.cut).toBe(cut);
        const acceptance = Math.min(1, Math.exp(info!.logRatio));
        await expectDecision({
          step: (accept) => step(from, cut, to, accept),
          acceptance,
          moves: from !== to,
        });
        matrix[from]![to]! += (q * acceptance) / state.length;
        matrix[from]![from]! += (q * (1 - acceptance)) / state.length;
      }
    }
  }
  return matrix;
}

/** The kernel accepts just below the probability it reports, and rejects just above. */
async function expectDecision({
  step,
  acceptance,
  moves,
}: {
  step: (accept: number) => ReturnType<Kernel>;
  acceptance: number;
  moves: boolean;
}): Promise<void> {
  if (!moves) return;
  const below = await step(acceptance * (1 - 1e-9));
  expect(below.info!.outcome).toBe("accepted");
  if (acceptance > 1 - 1e-6) return;
  const above = await step(Math.min(1 - 1e-12, acceptance * (1 + 1e-9)));
  expect(above.info!.outcome).toBe("rejected");
}

function violation(matrix: readonly (readonly number[])[], pi: readonly number[]): number {
  const moved = pi.map((_, to) => pi.reduce((sum, mass, from) => sum + mass * matrix[from]![to]!, 0));
  return Math.max(...moved.map((mass, index) => Math.abs(mass - pi[index]!)));
}

function detailedBalanceViolation(matrix: readonly (readonly number[])[], pi: readonly number[]): number {
  let worst = 0;
  for (const [i, row] of matrix.entries()) {
    for (const [j, forward] of row.entries()) {
      worst = Math.max(worst, Math.abs(pi[i]! * forward - pi[j]! * matrix[j]![i]!));
    }
  }
  return worst;
}

const toys = [
  { name: "end common", options: { seed: 1, vocabularySize: 3, endBias: 1 } },
  { name: "end rare", options: { seed: 2, vocabularySize: 3, endBias: -4 } },
  { name: "four tokens", options: { seed: 3, vocabularySize: 4, endBias: 0 } },
];
const laws: Law[] = [
  { alpha: 1, inverseTemperature: 1 },
  { alpha: 2, inverseTemperature: 2 },
  { alpha: 2, inverseTemperature: 1 },
  { alpha: 4, inverseTemperature: 4 },
  { alpha: 4, inverseTemperature: 2 },
  { alpha: 4, inverseTemperature: 1 },
];

describe("the uniform-cut kernel", () => {
  for (const { name, options } of toys) {
    for (const horizon of [1, 2, 3, ...(options.vocabularySize === 3 ? [5] : [])]) {
      it(`leaves p^alpha invariant and balances in detail: ${name}, horizon ${horizon}`, async () => {
        const model = createToyModel(options);
        const completions = enumerate(model, prompt, horizon);
        for (const law of laws) {
          const matrix = await transitionMatrix(stepUniformCut, { model, completions, horizon, law });
          const pi = powerDistribution(completions, law.alpha);
          for (const row of matrix) expect(row.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 10);
          expect(violation(matrix, pi)).toBeLessThan(1e-12);
          expect(detailedBalanceViolation(matrix, pi)).toBeLessThan(1e-12);
        }
      });
    }
  }

  it("leaves p^alpha of the embedded model invariant", { timeout: 60_000 }, async () => {
    const model = await tabulateEmbedded(prompt, 2);
    const completions = enumerate(model, prompt, 2);
    expect(completions).toHaveLength(17 * 18 + 1);
    for (const law of [
      { alpha: 4, inverseTemperature: 4 },
      { alpha: 2, inverseTemperature: 1 },
    ]) {
      const matrix = await transitionMatrix(stepUniformCut, { model, completions, horizon: 2, law });
      const pi = powerDistribution(completions, law.alpha);
      expect(violation(matrix, pi)).toBeLessThan(1e-12);
      expect(detailedBalanceViolation(matrix, pi)).toBeLessThan(1e-12);
    }
  });

  it("would be caught without the length factor", async () => {
    const withoutLengthFactor: Kernel = async (state, context) => {
      const result = await stepUniformCut(state, { ...context, draws: { ...context.draws, accept: 1e-300 } });
      const info = result.info!;
      const length = info.cut + info.suffix.length;
      const logRatio = info.logRatio - Math.log(state.length) + Math.log(length);
      const isAccepted = info.outcome === "accepted" && Math.log(context.draws.accept) < logRatio;
      return {
        state: isAccepted ? result.state : state,
        info: { ...info, logRatio, outcome: isAccepted ? "accepted" : "rejected" },
      };
    };
    const law = { alpha: 4, inverseTemperature: 4 };
    const model = createToyModel(toys[0]!.options);
    const completions = enumerate(model, prompt, 3);
    const matrix = await transitionMatrix(withoutLengthFactor, { model, completions, horizon: 3, law });
    expect(violation(matrix, powerDistribution(completions, law.alpha))).toBeGreaterThan(1e-4);
  });
});
