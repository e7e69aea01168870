import { bootstrap, mean } from "../statistics.ts";
import type { Estimate } from "../statistics.ts";
import { upperOf } from "./points.ts";
import type { Point } from "./points.ts";

/** R = −a·e^H + b: accuracy bought with entropy along one run of RL (arXiv 2505.22617, equation 6). */
export interface Law {
  /** At what rate entropy is traded for accuracy: dR/dH = −a·e^H. */
  readonly a: number;
  readonly b: number;
}

export interface Fit {
  readonly law: Law;
  readonly a: Estimate;
  readonly b: Estimate;
  /** Accuracy where no entropy is left, b − a. */
  readonly ceiling: Estimate;
  /** Of R. */
  readonly rmse: number;
  readonly rSquared: number;
  /**
   * RMSE that R would have from its sampling alone, √mean(R(1 − R)/n); less where all points ask the same questions,
   * whose difficulty is not drawn anew. Undefined where no n is given.
   */
  readonly samplingError: number | undefined;
  readonly backTest: BackTest | undefined;
  /** Where points know H within bounds alone, all of this is of the lower ones; the law of the upper ones. */
  readonly upperLaw: Law | undefined;
}

/** A law fitted to the first part of a run, held against the rest. */
export interface BackTest {
  readonly fitted: number;
  readonly law: Law;
  readonly ceiling: number;
  /** Over the points that were not fitted. */
  readonly rmse: number;
  /** Predicted less measured at the last point. */
  readonly lastError: number;
}

/** Ordinary least squares of R on (−e^H, 1): the law is linear in e^H. NaN where all H are the same. */
export function fitLaw(points: readonly Point[]): Law {
  const xs = points.map(({ H }) => Math.exp(H));
  const [meanX, meanR] = [mean(xs), mean(points.map(({ R }) => R))];
  let covariance = 0;
  let variance = 0;
  for (const [index, x] of xs.entries()) {
    covariance += (x - meanX) * (points[index]!.R - meanR);
    variance += (x - meanX) ** 2;
  }
  const a = variance === 0 ? NaN : -covariance / variance;
  return { a, b: meanR + a * meanX };
}

export const predict = ({ a, b }: Law, entropy: number): number => b - a * Math.exp(entropy);

const rmseOf = (law: Law, points: readonly Point[]): number =>
  Math.sqrt(mean(points.map(({ H, R }) => (R - predict(law, H)) ** 2)));

/**
 * Fits the law with intervals by resampling points, and tests it on what a fit of the run's beginning says of its rest.
 * @param points by step
 * @param firstShare of the points that the back-test fits
 */
export function fitPoints(points: readonly Point[], firstShare: number): Fit {
  const law = fitLaw(points);
  const meanR = mean(points.map(({ R }) => R));
  const rmse = rmseOf(law, points);
  const variance = mean(points.map(({ R }) => (R - meanR) ** 2));
  const isCounted = points.every(({ n }) => n !== undefined);
  return {
    law,
    a: bootstrap(points, (members) => fitLaw(members).a),
    b: bootstrap(points, (members) => fitLaw(members).b),
    ceiling: bootstrap(points, (members) => predict(fitLaw(members), 0)),
    rmse,
    rSquared: variance === 0 ? NaN : 1 - rmse ** 2 / variance,
    samplingError: isCounted ? Math.sqrt(mean(points.map(({ R, n }) => (R * (1 - R)) / n!))) : undefined,
    backTest: backTest(points, firstShare),
    upperLaw: points.some(({ HUpper }) => HUpper !== undefined)
      ? fitLaw(points.map((point) => ({ ...point, H: upperOf(point) })))
      : undefined,
  };
}

/** @returns undefined where the first part is too short to fit, or nothing is left to predict */
function backTest(points: readonly Point[], firstShare: number): BackTest | undefined {
  const fitted = Math.ceil(firstShare * points.length);
  const rest = points.slice(fitted);
  const law = fitLaw(points.slice(0, fitted));
  const last = rest.at(-1);
  if (fitted < 3 || last === undefined || Number.isNaN(law.a)) return undefined;
  return {
    fitted,
    law,
    ceiling: predict(law, 0),
    rmse: rmseOf(law, rest),
    lastError: predict(law, last.H) - last.R,
  };
}

function boundsWarning(points: readonly Point[], { a, b }: Law): string {
  const widest = Math.max(...points.map((point) => upperOf(point) - point.H));
  const upper = `a ${a.toFixed(4)}, b ${b.toFixed(4)}, ceiling ${(b - a).toFixed(4)}`;
  return `H is known within bounds alone, up to ${widest.toFixed(4)} nats apart. The fit is of the lower ones; that of the upper ones has ${upper}. The two bound no coefficient: each H may lie anywhere within its own bounds.`;
}

/** What speaks against reading much into a fit. */
export function warningsOf(points: readonly Point[], { law, ceiling, upperLaw }: Fit): string[] {
  const xs = points.map(({ H }) => Math.exp(H));
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const interventions = [...new Set(points.flatMap(({ intervention }) => intervention ?? []))].filter(
    (name) => name !== "none",
  );
  const warnings: [boolean, string][] = [
    [
      least - 1 > most - least,
      `H spans ${Math.log(least).toFixed(3)} to ${Math.log(most).toFixed(3)} nats: the ceiling, at H = 0, lies further off than the points reach, and is an extrapolation.`,
    ],
    [law.a < 0, "a is negative: accuracy fell with entropy, and the law does not describe this run."],
    [
      ceiling.value < 0 || ceiling.value > 1,
      `The ceiling ${ceiling.value.toFixed(3)} is no accuracy: it lies outside 0 to 1.`,
    ],
    [
      interventions.length > 0,
      `The run was no plain policy gradient (${interventions.join(", ")}); under interventions no such law was found.`,
    ],
  ];
  const applying = warnings.filter(([applies]) => applies).map(([, text]) => text);
  return upperLaw === undefined ? applying : [boundsWarning(points, upperLaw), ...applying];
}
