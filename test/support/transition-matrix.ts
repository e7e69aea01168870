import { measure } from "../../src/sampling/measure.ts";
import type { TokenStream } from "../../src/core/token-stream.ts";
import type { ScoredToken } from "../../src/core/tokens.ts";
import type { CompletionToken } from "../../src/mcmc/completion.ts";
import type { Kernel, StepDraws, StepInfo } from "../../src/mcmc/kernel.ts";
import { GeneratedStream } from "./token-stream.ts";
import { enumerate, logSoftmax } from "./toy-model.ts";
import type { EnumeratedCompletion, ToyModel } from "./toy-model.ts";

/**
 * Exact transition matrices, built through the kernel's own code: its discrete choices (the suffixes) are enumerated,
 * the uniforms that make its other choices are integrated over their cells.
 */

export interface Law {
  readonly alpha: number;
  readonly inverseTemperature: number;
}

/** What a chain of a toy model may be in: every completion of a prompt at a horizon. */
export interface StateSpace {
  readonly completions: readonly EnumeratedCompletion[];
  /** The same with everything an engine says of their tokens. */
  readonly states: readonly (readonly CompletionToken[])[];
  readonly horizon: number;
  readonly law: Law;
}

export function stateSpace(
  model: ToyModel,
  { prompt, horizon, law }: { prompt: readonly number[]; horizon: number; law: Law },
): StateSpace {
  const completions = enumerate(model, prompt, horizon);
  const states = completions.map(({ tokens }) => scored(model, { prompt, law }, tokens));
  return { completions, states, horizon, law };
}

function scored(
  model: ToyModel,
  { prompt, law: { inverseTemperature } }: { prompt: readonly number[]; law: Law },
  tokens: readonly number[],
): CompletionToken[] {
  return tokens.map((token, position) => {
    const logits = model.logits([...prompt, ...tokens.slice(0, position)]);
    const { logNormalizer, entropy } = measure(logits, inverseTemperature);
    const logprob = logSoftmax(logits)[token]!;
    const scores = { token, logprob, logNormalizer, entropy };
    return token === model.endToken ? { ...scores, ends: true } : scores;
  });
}

/** Uniforms of which none decides anything yet. */
export const anyDraws: StepDraws = { cut: 0.5, accept: 0.5, select: 0.5, swap: 0.5 };

/** A proposal whose tokens are known: one run each, so that a kernel may stop after any. */
export const replay = <Token extends ScoredToken>(tokens: readonly Token[]): TokenStream<Token> =>
  new GeneratedStream(
    (function* () {
      for (const token of tokens) yield [token];
    })(),
  );

export interface Cell<Value> {
  readonly width: number;
  readonly value: Value;
}

/**
 * The cells of a uniform on which `f` is constant, found by bisection to the last bit. Between two equal values `f` is
 * taken for constant: it must not come back to a value it has left.
 */
export async function cells<Value>(
  f: (u: number) => Promise<Value>,
  keyOf: (value: Value) => unknown,
): Promise<Cell<Value>[]> {
  const found: Cell<Value>[] = [];
  const visit = async (low: Probe<Value>, high: Probe<Value>): Promise<void> => {
    if (keyOf(low.value) === keyOf(high.value)) {
      found.push({ width: high.u - low.u, value: low.value });
      return;
    }
    const middle = (low.u + high.u) / 2;
    if (middle <= low.u || middle >= high.u) {
      found.push({ width: 0, value: low.value }, { width: high.u - low.u, value: high.value });
      return;
    }
    const probe = { u: middle, value: await f(middle) };
    await visit(low, probe);
    await visit(probe, high);
  };
  await visit({ u: 0, value: await f(Number.MIN_VALUE) }, { u: 1, value: await f(1 - 2 ** -53) });
  const merged = new Map<unknown, Cell<Value>>();
  for (const { width, value } of found) {
    const key = keyOf(value);
    merged.set(key, { value, width: width + (merged.get(key)?.width ?? 0) });
  }
  return [...merged.values()];
}

interface Probe<Value> {
  readonly u: number;
  readonly value: Value;
}

/** A step taken with chosen suffixes, and what is to be expected of it. */
export interface EnumeratedStep {
  /** Probability of the cut, of the suffixes and of the selection among them. */
  readonly mass: number;
  /** Index of the proposed completion. */
  readonly to: number;
  /** Probability that it is accepted. */
  readonly acceptance: number;
  readonly draws: StepDraws;
  readonly cut: number;
  /** Indices of the completions proposed, one per attempt. */
  readonly proposals: readonly number[];
}

/** Everything that one step of a kernel may do from a state. */
export async function* enumerateSteps(
  kernel: Kernel,
  { completions, states, horizon, law }: StateSpace,
  from: number,
  attempts = 1,
): AsyncGenerator<EnumeratedStep> {
  const state = states[from]!;
  const take = (draws: StepDraws, proposals: readonly number[]) => {
    // A copy of each suffix, so that the selected one tells its attempt.
    const suffixes = proposals.map((proposal) => states[proposal]!.map((token) => ({ ...token })));
    const attemptOf = (info: StepInfo): number =>
      suffixes.findIndex((suffix) => suffix[info.cut] === info.suffix[0]);
    const result = kernel(state, {
      target: law,
      horizon,
      draws,
      propose: (kept, attempt = 0) => replay(suffixes[attempt]!.slice(kept)),
      earlyRejection: false,
    });
    return result.then(({ info }) => ({ info: info!, attempt: attemptOf(info!) }));
  };
  const itself = Array.from({ length: attempts }, () => from);
  const cuts = await cells(
    (cut) => take({ ...anyDraws, cut }, itself),
    ({ info }) => info.cut,
  );
  let reached = 0;
  for (const { width, value } of cuts) {
    const { cut } = value.info;
    // The middle of the cut's cell.
    const draws = { ...anyDraws, cut: reached + width / 2 };
    reached += width;
    const kept = completions[from]!.tokens.slice(0, cut);
    const candidates = states.flatMap((proposed, index) =>
      proposed.length > cut && kept.every((token, place) => proposed[place]!.token === token) ? [index] : [],
    );
    const q = (index: number): number =>
      Math.exp(
        states[index]!.slice(cut).reduce(
          (sum, token) => sum + law.inverseTemperature * token.logprob - token.logNormalizer,
          0,
        ),
      );
    for (const proposals of tuples(candidates, attempts)) {
      const drawn = proposals.reduce((product, index) => product * q(index), 1);
      const selections = await cells(
        (select) => take({ ...draws, select }, proposals),
        ({ attempt }) => attempt,
      );
      let selected = 0;
      for (const selection of selections) {
        const { info, attempt } = selection.value;
        const select = selected + selection.width / 2;
        selected += selection.width;
        if (selection.width === 0) continue;
        yield {
          mass: width * drawn * selection.width,
          to: proposals[attempt]!,
          acceptance: Math.min(1, Math.exp(info.logRatio)),
          draws: { ...draws, select },
          cut,
          proposals,
        };
      }
    }
  }
}

/** P[from][to] of one step of the kernel, whose decisions are held to the ratio that it reports. */
export async function transitionMatrix(kernel: Kernel, space: StateSpace, attempts = 1): Promise<number[][]> {
  const { states, horizon, law } = space;
  const matrix = states.map(() => new Array<number>(states.length).fill(0));
  for (const from of states.keys()) {
    for await (const step of enumerateSteps(kernel, space, from, attempts)) {
      const { to, mass, acceptance, draws, proposals } = step;
      const outcomeAt = async (accept: number): Promise<string> => {
        const { info } = await kernel(states[from]!, {
          target: law,
          horizon,
          draws: { ...draws, accept },
          propose: (kept, attempt = 0) => replay(states[proposals[attempt]!]!.slice(kept)),
          earlyRejection: false,
        });
        return info!.outcome;
      };
      if (from !== to) await checkDecision(outcomeAt, acceptance);
      matrix[from]![to]! += mass * acceptance;
      matrix[from]![from]! += mass * (1 - acceptance);
    }
  }
  return matrix;
}

/** The kernel accepts just below the probability it reports, and rejects just above. */
async function checkDecision(outcomeAt: (accept: number) => Promise<string>, acceptance: number) {
  const expected: [number, string][] = [[acceptance * (1 - 1e-9), "accepted"]];
  if (acceptance < 1 - 1e-6) expected.push([Math.min(1 - 1e-12, acceptance * (1 + 1e-9)), "rejected"]);
  for (const [accept, outcome] of expected) {
    const decided = await outcomeAt(accept);
    if (decided !== outcome) throw new Error(`${decided} at ${accept} of ${acceptance}`);
  }
}

export function* tuples(values: readonly number[], length: number): Generator<number[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (const first of values) for (const rest of tuples(values, length - 1)) yield [first, ...rest];
}

/** max|πP − π|. */
export function violation(matrix: readonly (readonly number[])[], pi: readonly number[]): number {
  const moved = pi.map((_, to) => pi.reduce((sum, mass, from) => sum + mass * matrix[from]![to]!, 0));
  return Math.max(...moved.map((mass, index) => Math.abs(mass - pi[index]!)));
}

/** max|π_i P_ij − π_j P_ji|. */
export function detailedBalanceViolation(
  matrix: readonly (readonly number[])[],
  pi: readonly number[],
): number {
  let worst = 0;
  for (const [i, row] of matrix.entries()) {
    for (const [j, forward] of row.entries()) {
      worst = Math.max(worst, Math.abs(pi[i]! * forward - pi[j]! * matrix[j]![i]!));
    }
  }
  return worst;
}
