/**
 * Whether chains mixed, which acceptance does not show: signs that they did not, never a proof that they did.
 */

import { logProbability } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import type { PowerTarget } from "./target.ts";

/** Above it, chains are said to disagree (Gelman et al., BDA3, section 11.4), if they were long enough to agree. */
export const agreementBound = 1.1;

/** Steps after which a chain that mixes has forgotten where it was. */
const fairMemory = 10;

/**
 * Above it, chains of so many steps are said to disagree: R̂ ≈ √(1 + τ/n) for halves of n steps that remember τ of them
 * (Vats & Knudsen, "Revisiting the Gelman–Rubin diagnostic", Statistical Science 36, 2021), so that chains as short as
 * those of the last block exceed 1.1 however well they mix.
 */
export const disagreementBound = (steps: number): number =>
  Math.max(agreementBound, Math.sqrt(1 + fairMemory / Math.max(1, Math.floor(steps / 2))));

/** Fewest steps in each half of a chain that give a variance worth the name. */
const fewestSteps = 2;

/**
 * Rank-normalised split R̂ of m chains' traces. Their halves are taken as 2m chains; all values are replaced by normal
 * scores of their ranks, equal ones by that of their mean rank, z = Φ⁻¹((r − 3/8) / (S + 1/4)), and of the scores, n to
 * a half,
 *
 *     W = mean_j s_j²,   B = n · var_j(z̄_j),   R̂ = √((n − 1)/n + B/(n·W))
 *
 * and again of the scores of |x − median|, which tells scales apart; the larger counts. It nears 1 as the halves agree.
 * Of traces of unequal lengths the last steps they all have are compared; an odd one in the middle is left out. Traces
 * that stand still at different values give ∞.
 *
 * Source: Vehtari et al., "Rank-normalization, folding, and localization: an improved R̂", Bayesian Analysis 16 (2021).
 * @returns undefined for fewer than two chains or four common steps, and where every trace stands at the same value:
 *   then there is nothing to compare
 */
export function splitRHat(traces: readonly (readonly number[])[]): number | undefined {
  const length = Math.floor(Math.min(...traces.map((trace) => trace.length)) / 2);
  if (traces.length < 2 || length < fewestSteps) return undefined;
  const halves = traces.flatMap((trace) => [trace.slice(-2 * length).slice(0, length), trace.slice(-length)]);
  const sorted = halves.flat().sort((a, b) => a - b);
  const middle = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
  const folded = halves.map((half) => half.map((value) => Math.abs(value - middle)));
  const both = [halves, folded].flatMap((values) => rHatOf(normalScores(values)) ?? []);
  return both.length === 0 ? undefined : Math.max(...both);
}

/** R̂ of chains of one length, as they are. */
function rHatOf(chains: readonly (readonly number[])[]): number | undefined {
  const { length } = chains[0]!;
  const within = mean(chains.map(variance));
  const between = length * variance(chains.map(mean));
  if (within === 0) return between === 0 ? undefined : Infinity;
  return Math.sqrt((length - 1) / length + between / (length * within));
}

/** Each value's normal score by its rank among all; log p of one completion is one value, whatever its last bits. */
function normalScores(chains: readonly (readonly number[])[]): number[][] {
  const values = chains.flatMap((chain) => chain.map(toTie));
  const sorted = values.toSorted((a, b) => a - b);
  const scores = new Map<number, number>();
  for (let first = 0; first < sorted.length;) {
    const value = sorted[first]!;
    let next = first + 1;
    while (sorted[next] === value) next++;
    // Ranks count from 1; those of a tie are first + 1 … next.
    scores.set(value, normalQuantile(((first + 1 + next) / 2 - 3 / 8) / (sorted.length + 1 / 4)));
    first = next;
  }
  return chains.map((chain) => chain.map((value) => scores.get(toTie(value))!));
}

/** Log-probs move by rounding with the shape of a batch (docs/benchmarks.md): closer ones are a tie. */
const toTie = (value: number): number => Math.round(value * 1e4) / 1e4;

/** Φ⁻¹ by bisection, to 1e-9: R̂ asks it a few times a request. */
function normalQuantile(share: number): number {
  let low = -9;
  let high = 9;
  while (high - low > 1e-9) {
    const between = (low + high) / 2;
    if (normalShare(between) < share) low = between;
    else high = between;
  }
  return (low + high) / 2;
}

/** Φ by Abramowitz & Stegun 26.2.17, to 7.5e-8. */
function normalShare(z: number): number {
  if (z < 0) return 1 - normalShare(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
}

/** From this entropy of a token on, nats, the model counts as unsure of it: a tenth of the mass elsewhere. */
const unsureEntropy = 0.3;

/** So many rejected proposals of another token say that the chain stays where it is for a reason. */
const fairTrials = 5;

/** A chance of other tokens under which a chain does well to propose none. */
const fairChance = 0.02;

/** A completion that is known to have so much of p^α is what nearly every draw from it would be. */
const nearlyAll = 0.95;

/** What a chain did, as far as its mixing goes. */
export interface ChainMoves {
  readonly target: PowerTarget;
  /** Most tokens of a completion. */
  readonly horizon: number;
  /** The completion that it ended with. */
  readonly state: Completion;
  /** Steps since the completion was last extended: the others were taken on beginnings of it. */
  readonly lastSteps: number;
  /** See `ChainResult`. */
  readonly proposed: readonly number[];
  readonly changed: readonly number[];
}

/** Why a chain reads as unmixed. */
export type Unmixed =
  /** No step was taken on the whole completion, whose last tokens are as they were drafted. */
  | { readonly reason: "no_steps" }
  /** No step changed the first token that the model was unsure of, or one before it, and hardly any tried to. */
  | {
      readonly reason: "kept";
      readonly position: number;
      readonly entropy: number;
      readonly proposed: number;
    };

/**
 * Why a chain reads as unmixed, if it does. Chains that are all stuck in one place agree with each other; this shows it
 * all the same. Where proposals hardly ever leave the tokens that were kept, none reads so: of a language model that is
 * unsure of a token, p^α mostly is not (docs/kernels.md). Where nothing has to mix, because drafts are draws from the target, no chain reads so.
 */
export function readsAsUnmixed(moves: ChainMoves): Unmixed | undefined {
  const { state, lastSteps, ...steps } = moves;
  if (needsNoMixing(moves)) return undefined;
  if (lastSteps === 0) return { reason: "no_steps" };
  const position = state.findIndex(({ entropy }) => entropy >= unsureEntropy);
  if (position < 0) return undefined;
  const upTo = (counts: readonly number[]): number =>
    counts.slice(0, position + 1).reduce((sum, value) => sum + value, 0);
  const proposed = upTo(steps.proposed);
  if (upTo(steps.changed) > 0 || proposed >= fairTrials) return undefined;
  if (chanceOfAnother(state.slice(0, position + 1), moves.target) < fairChance) return undefined;
  return { reason: "kept", position, entropy: state[position]!.entropy, proposed };
}

/** That a proposal from the first token on leaves these: 1 − ∏ p^{1/τ}/Z. */
function chanceOfAnother(tokens: Completion, { inverseTemperature }: PowerTarget): number {
  const logSame = tokens.reduce(
    (sum, { logprob, logNormalizer }) => sum + inverseTemperature * logprob - logNormalizer,
    0,
  );
  return -Math.expm1(Math.min(0, logSame));
}

/**
 * Whether a draft is a draw from the target, all but exactly. It is where the proposals are the target: α = 1/τ = 1.
 * And where the completions that share all tokens of x but, at 1/τ = α and the full horizon, its last have nearly all
 * of p^α: with P the probability of the shared tokens and Z the normaliser of the last one's law (1 where none is left
 * open), these weigh P^α·Z, and all others together (1 − P)^α at most, since Σ p^α ≤ (Σ p)^α. A completion of one token
 * shares nothing, P = 1: it is exact.
 */
function needsNoMixing({
  target,
  horizon,
  state,
}: Pick<ChainMoves, "target" | "horizon" | "state">): boolean {
  const { alpha, inverseTemperature } = target;
  if (alpha === 1 && inverseTemperature === 1) return true;
  const isLastDrawn = state.length === horizon && Math.abs(inverseTemperature - alpha) < 1e-9 * alpha;
  const shares = isLastDrawn ? [open(state.slice(0, -1), state.at(-1)), open(state)] : [open(state)];
  return shares.some(({ logShared, logNormalizer }) => {
    const logElse = alpha * Math.log1p(-Math.min(1, Math.exp(logShared)));
    return alpha * logShared + logNormalizer - logElse >= Math.log(nearlyAll / (1 - nearlyAll));
  });
}

const open = (shared: Completion, last?: CompletionToken) => ({
  logShared: logProbability(shared),
  logNormalizer: last?.logNormalizer ?? 0,
});

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample, over n − 1; exactly 0 for equal values. */
function variance(values: readonly number[]): number {
  const first = values[0]!;
  const middle = first + mean(values.map((value) => value - first));
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
