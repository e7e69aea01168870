import { uniform } from "../core/random.ts";

/** Arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * The probability that at least one of k answers is right, estimated without bias from c right ones of n:
 * 1 − C(n−c, k) / C(n, k) = 1 − Π_{i=n−c+1..n} (1 − k/i). Chen et al. 2021, arXiv 2107.03374, section 2.1.
 * @param k at most n
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!(k >= 1 && k <= n && c >= 0 && c <= n)) throw new Error(`pass@${k} needs 1 ≤ k ≤ n and 0 ≤ c ≤ n`);
  if (n - c < k) return 1;
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= 1 - k / i;
  return 1 - allWrong;
}

/** Shannon entropy of the empirical distribution of a list of answers, nats. */
export function answerEntropy(answers: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy -= (count / answers.length) * Math.log(count / answers.length);
  return entropy;
}

export interface Estimate {
  readonly value: number;
  /** Ends of the interval. */
  readonly low: number;
  readonly high: number;
}

const usualResamples = 2000;

/**
 * Questions below which a mean has no interval. Resampling five that agree leaves out what disagrees for certain, but
 * five agree by chance once in sixteen: 2 · 2^−5 > 1/20, the sign test's level, which six are the first to reach.
 */
export const fewestQuestions = 6;

export interface BootstrapSettings {
  readonly resamples?: number;
  /** Share of resamples between the ends. */
  readonly level?: number;
  readonly seed?: number;
}

/**
 * A statistic of a list with its percentile interval under resampling of the list's members (Efron 1979).
 * The same seed resamples the same members, so that intervals of paired lists are paired too.
 */
export function bootstrap<Member>(
  members: readonly Member[],
  statistic: (members: readonly Member[]) => number,
  { resamples = usualResamples, level = 0.95, seed = 0 }: BootstrapSettings = {},
): Estimate {
  const value = statistic(members);
  if (members.length < 2) return { value, low: NaN, high: NaN };
  const values = resamplings(members.length, resamples, seed)
    .map((places) => statistic(Array.from(places, (place) => members[place]!)))
    .filter((sample) => !Number.isNaN(sample));
  values.sort((a, b) => a - b);
  return { value, low: quantile(values, (1 - level) / 2), high: quantile(values, (1 + level) / 2) };
}

/** What a figure lies between, whatever is asked. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}
/** Of shares of right answers, and of areas under a curve. */
export const shareBounds: Bounds = { least: 0, most: 1 };
/** Of what one share is more than another. */
export const gainBounds: Bounds = { least: -1, most: 1 };

/** A figure, and what it would have been on each resample of the questions: those of several figures are paired. */
export interface Resampled {
  readonly value: number;
  /** Empty where there are too few questions to resample. */
  readonly resamples: Float64Array;
  /** What it is on each question that has a say in it. */
  readonly own: readonly number[];
  /** Undefined where it may be anything, as costs may. */
  readonly bounds: Bounds | undefined;
}

/** The mean of a list, with its means under the resamples of `bootstrap`. */
export function resampleMean(values: readonly number[], bounds?: Bounds): Resampled {
  const figure = { value: mean(values), own: values, bounds };
  if (values.length < fewestQuestions) return { ...figure, resamples: new Float64Array() };
  const places = resamplings(values.length, usualResamples, 0);
  const means = Float64Array.from(places, (own) => {
    let sum = 0;
    for (const place of own) sum += values[place]!;
    return sum / values.length;
  });
  return { ...figure, resamples: means };
}

/** The ratio of two lists' means, in each resample: numerators and denominators are of the same questions. */
export function resampleRatio(
  numerators: readonly number[],
  denominators: readonly number[],
  bounds?: Bounds,
): Resampled {
  const [above, below] = [resampleMean(numerators), resampleMean(denominators)];
  return {
    value: above.value / below.value,
    resamples: above.resamples.map((value, index) => value / below.resamples[index]!),
    own: numerators.flatMap((numerator, place) =>
      denominators[place] === 0 ? [] : numerator / denominators[place]!,
    ),
    bounds,
  };
}

/** How much more one share is than another of the same questions. */
export const gainOver = (share: Resampled, other: Resampled): Resampled => ({
  value: share.value - other.value,
  resamples: share.resamples.map((sample, index) => sample - other.resamples[index]!),
  own: share.own.map((own, place) => own - other.own[place]!),
  bounds: gainBounds,
});

/** What is left out at either end of a 95 % interval. */
const tail = 0.025;

/**
 * A figure with its 95 % interval: the percentiles of the resamples that have it.
 *
 * Resampling shows nothing that no question has shown, and little of what few have: where all agree it leaves no
 * interval at all, and a gain on three questions of six is one in 39 resamples of 40. So where fewer than six disagree
 * with the rest, the interval holds what the questions may have missed, too. N of them miss a kind that s of all are of
 * with probability (1 − s)^N; so up to S = 1 − 0.025^(1/N) of all may be of a kind that was missed, with the figure at a
 * bound: from value − S·(value − least) to value + S·(most − value). Where all are right that is [0.025^(1/N), 1] and
 * where none is [0, S], the exact interval of Clopper & Pearson (Biometrika 26, 1934), and not Wilson's, which covers
 * less than it says near the ends (Brown, Cai & DasGupta, Statistical Science 16, 2001). A gain that is 0 for all has
 * [−S, S].
 */
export function estimate({ value, resamples, own, bounds }: Resampled): Estimate {
  const sorted = resamples.filter((sample) => !Number.isNaN(sample)).sort();
  if (sorted.length === 0) return { value, low: NaN, high: NaN };
  const [low, high] = [quantile(sorted, tail), quantile(sorted, 1 - tail)];
  if (bounds === undefined || disagreeing(own) >= fewestQuestions) return { value, low, high };
  const missed = 1 - tail ** (1 / own.length);
  return {
    value,
    low: Math.min(low, value - missed * (value - bounds.least)),
    high: Math.max(high, value + missed * (bounds.most - value)),
  };
}

/** How many do not say what most say, but for rounding. */
function disagreeing(values: readonly number[]): number {
  const counts = new Map<string, number>();
  for (const value of values) {
    const said = value.toFixed(9);
    counts.set(said, (counts.get(said) ?? 0) + 1);
  }
  return values.length - Math.max(...counts.values());
}

let drawn: { readonly key: string; readonly places: readonly Uint32Array[] } | undefined;

/** Which members each resample takes. The last ones are kept: a report asks for the same ones many times. */
function resamplings(length: number, resamples: number, seed: number): readonly Uint32Array[] {
  const key = `${length} ${resamples} ${seed}`;
  if (drawn?.key === key) return drawn.places;
  const places = Array.from({ length: resamples }, (_, step) =>
    Uint32Array.from({ length }, (_, index) =>
      Math.floor(uniform({ seed, choice: 0, stage: 0, step }, "token", index) * length),
    ),
  );
  drawn = { key, places };
  return places;
}

/** Linear between order statistics. @param sorted ascending */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const rest = place - below;
  return sorted[below]! + (rest === 0 ? 0 : rest * (sorted[below + 1]! - sorted[below]!));
}
