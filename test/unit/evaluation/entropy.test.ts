import { describe, expect, it } from "vitest";
import { fitLaw, fitPoints, predict, warningsOf } from "../../../src/evaluation/entropy/fit.ts";
import { drawFit, renderFit } from "../../../src/evaluation/entropy/fit-report.ts";
import { measureEntropy } from "../../../src/evaluation/entropy/measure.ts";
import { parsePoints } from "../../../src/evaluation/entropy/points.ts";
import type { Point } from "../../../src/evaluation/entropy/points.ts";
import type { Result } from "../../../src/evaluation/result.ts";

const law = { a: 0.3, b: 0.9 };
const entropies = Array.from({ length: 30 }, (_, step) => 0.8 * Math.exp(-step / 8));
/** On the law, with an error that alternates and so is orthogonal to nearly everything. */
const pointsWith = (error: number): Point[] =>
  entropies.map((H, step) => ({ step, H, R: predict(law, H) + (step % 2 === 0 ? error : -error), n: 100 }));

describe("the fit of R = −a·e^H + b", () => {
  it("finds the law that points lie on, and its ceiling", () => {
    const fit = fitPoints(pointsWith(0), 0.15);
    for (const key of ["value", "low", "high"] as const) {
      expect(fit.a[key]).toBeCloseTo(0.3, 10);
      expect(fit.b[key]).toBeCloseTo(0.9, 10);
      expect(fit.ceiling[key]).toBeCloseTo(0.6, 10);
    }
    expect(fit.rmse).toBeCloseTo(0, 10);
    expect(fit.rSquared).toBeCloseTo(1, 10);
    expect(fit.backTest).toMatchObject({ fitted: 5 });
    expect(fit.backTest!.ceiling).toBeCloseTo(0.6, 10);
    expect(fit.backTest!.lastError).toBeCloseTo(0, 10);
  });

  it("is least squares: three points by hand", () => {
    // x = e^H = 1, 2, 3 and R = .9, .4, .5: slope −.2, mean .6, so a = .2 and b = .6 + .2 · 2.
    const points = [1, 2, 3].map((x, step) => ({ step, H: Math.log(x), R: [0.9, 0.4, 0.5][step]! }));
    expect(fitLaw(points).a).toBeCloseTo(0.2, 12);
    expect(fitLaw(points).b).toBeCloseTo(1, 12);
    const { rmse, rSquared, samplingError } = fitPoints(points, 0.15);
    // Residuals .1, −.2, .1; R has the squared deviations .09, .04, .01.
    expect(rmse).toBeCloseTo(Math.sqrt(0.06 / 3), 12);
    expect(rSquared).toBeCloseTo(1 - 0.06 / 0.14, 12);
    expect(samplingError).toBeUndefined();
  });

  it("has intervals that hold the truth, and says what sampling alone would give", () => {
    const fit = fitPoints(pointsWith(0.02), 0.5);
    expect(fit.ceiling.low).toBeLessThan(0.6);
    expect(fit.ceiling.high).toBeGreaterThan(0.6);
    expect(fit.ceiling.high - fit.ceiling.low).toBeLessThan(0.1);
    expect(fit.rmse).toBeCloseTo(0.02, 3);
    const even = fitPoints(
      [0.1, 0.2, 0.3].map((H, step) => ({ step, H, R: 0.5, n: 25 })),
      0.15,
    );
    expect(even.samplingError).toBeCloseTo(0.1, 12);
    expect(even.rSquared).toBeNaN();
  });

  it("tests a fit of the beginning on the rest alone", () => {
    // The law changes after ten points: the first ten fit their own, and miss the others by what it changed.
    const points = pointsWith(0).map((point) => (point.step < 10 ? point : { ...point, R: point.R - 0.05 }));
    const { backTest } = fitPoints(points, 1 / 3);
    expect(backTest).toMatchObject({ fitted: 10 });
    expect(backTest!.rmse).toBeCloseTo(0.05, 10);
    expect(backTest!.lastError).toBeCloseTo(0.05, 10);
    expect(fitPoints(points, 0.05).backTest).toBeUndefined();
  });

  it("warns of what it should not be read for", () => {
    const warned = (points: readonly Point[]): string =>
      warningsOf(points, fitPoints(points, 0.15)).join("\n");
    expect(warned(pointsWith(0))).toBe("");
    const line = (H: number, R: number, step: number): Point => ({ step, H, R });
    expect(warned([line(0.9, 0.4, 0), line(0.8, 0.45, 1), line(0.7, 0.5, 2)])).toMatch(/extrapolation/);
    expect(warned([line(1, 0.6, 0), line(0.5, 0.5, 1), line(0, 0.4, 2)])).toMatch(/a is negative/);
    expect(warned([line(1.5, 0.1, 0), line(1, 0.8, 1), line(0.9, 0.9, 2)])).toMatch(/no accuracy/);
    const held = pointsWith(0).map((point) => ({ ...point, intervention: "clip_cov" }));
    expect(warned(held)).toMatch(/clip_cov/);
    expect(warned(held.map((point) => ({ ...point, intervention: "none" })))).toBe("");
  });

  it("is of the lower bounds where H is known within bounds, and says what the upper ones give", () => {
    // The upper bounds lie on a law of their own.
    const upper = { a: 0.25, b: 0.85 };
    const points = pointsWith(0).map((point) => {
      const HUpper = Math.log((upper.b - point.R) / upper.a);
      return { ...point, HUpper };
    });
    const fit = fitPoints(points, 0.15);
    expect(fit.a.value).toBeCloseTo(law.a, 10);
    expect(fit.upperLaw!.a).toBeCloseTo(upper.a, 10);
    expect(fit.upperLaw!.b).toBeCloseTo(upper.b, 10);
    const [warning, ...others] = warningsOf(points, fit);
    const widest = Math.max(...points.map(({ H, HUpper }) => HUpper - H));
    expect(warning).toContain(`up to ${widest.toFixed(4)} nats apart. The fit is of the lower ones`);
    expect(warning).toContain("a 0.2500, b 0.8500, ceiling 0.6000");
    expect(others).toEqual([]);
    const [first, ...rest] = points;
    const mixed = [{ ...first!, HUpper: undefined }, ...rest];
    expect(fitPoints(mixed, 0.15).upperLaw!.a).not.toBeCloseTo(upper.a, 4);
    expect(fitPoints(pointsWith(0), 0.15).upperLaw).toBeUndefined();
    const content = { title: "run", points, fit, warnings: [warning!] };
    expect(renderFit(content)).toContain("lower ones");
    const lines = (svg: string): number => svg.match(/<line/g)!.length;
    const bare = drawFit({ ...content, points: pointsWith(0) });
    expect(lines(drawFit(content)) - lines(bare)).toBeGreaterThanOrEqual(points.length);
  });

  it("is drawn as a page and as a picture that stand by themselves", () => {
    const points = pointsWith(0.01);
    const fit = fitPoints(points, 0.15);
    const content = { title: "run <1>", points, fit, warnings: ["mind the gap"] };
    const page = renderFit(content);
    for (const part of ["run &lt;1>", "mind the gap", "ceiling", fit.ceiling.value.toFixed(4)]) {
      expect(page).toContain(part);
    }
    expect(drawFit(content)).toMatch(/^<svg xmlns/);
    expect(drawFit(content).match(/<circle/g)).toHaveLength(points.length);
  });
});

describe("points", () => {
  const line = (fields: object): string => JSON.stringify({ step: 1, H: 0.1, R: 0.5, ...fields });
  const three = [1, 3, 2].map((step) => line({ step, H: step / 10, loss: 7 })).join("\n");

  it("are read by step, with whatever stands beside them", () => {
    expect(parsePoints(three, "run").map(({ step }) => step)).toEqual([1, 2, 3]);
    // Bounds that have nothing in common: H differs.
    const bounded = [1, 3, 2].map((step) => line({ step, H: step, HUpper: step + 1.5 }));
    expect(parsePoints(bounded.join("\n"), "run").map(({ HUpper }) => HUpper)).toEqual([2.5, 3.5, 4.5]);
  });

  it.each([
    [`${line({})}\n${line({ H: 0.2 })}`, /2 points; a fit of two coefficients wants at least 3/],
    [[1, 2, 3].map((step) => line({ step })).join("\n"), /H is the same at all points/],
    [
      [1, 2, 3].map((step) => line({ step, H: step / 10, HUpper: 0.35 })).join("\n"),
      /may be the same at all points: its bounds, H to HUpper, have 0\.3000 in common.*--max-logprobs/,
    ],
    [
      [line({ H: 0.1, HUpper: 0.2 }), line({ step: 2, H: 0.2 }), line({ step: 3, H: 0.1, HUpper: 0.4 })].join(
        "\n",
      ),
      /may be the same at all points/,
    ],
    [`${three}\n${line({ step: 4, HUpper: 0.05 })}`, /line 4: .*HUpper is less than H/],
    [`${three}\n${line({ model: "a" })}\n${line({ model: "b" })}`, /points of a, b; .* a single run/],
    [`${three}\n${line({ step: 2 })}`, /two points of step 2; a run has one/],
    [`${three}\n${line({ R: 1.5 })}`, /line 4: .*R/],
    [`${three}\n{"step":1}`, /line 4: .*H/],
    [`${three}\nH=1`, /line 4: not valid JSON/],
  ])("are refused with the reason: %#", (text, message) => {
    expect(() => parsePoints(text, "run")).toThrow(message);
  });
});

describe("policy entropy", () => {
  const answer = (tokens: number, meanEntropy: number, isCorrect: boolean): Result["samples"][number] => ({
    text: "",
    answer: "",
    isCorrect,
    tokens,
    evaluatedTokens: tokens,
    drawnTokens: tokens,
    finish: "stop",
    likelihood: { tokens, logprob: -1, meanEntropy },
  });

  const result: Result = {
    model: "m",
    source: "m",
    configuration: "standard",
    fields: { sampler: "standard" },
    id: "1",
    seed: 0,
    seconds: 1,
    samples: [answer(2, 0.9, true), answer(18, 0.1, false)],
  };

  it("names its two averages: over tokens, and over answers", () => {
    const { tokenMean, sequenceMean, accuracy, answers } = measureEntropy([result, { ...result, id: "2" }]);
    expect(tokenMean.value).toBeCloseTo((2 * 0.9 + 18 * 0.1) / 20, 12);
    expect(sequenceMean.value).toBeCloseTo(0.5, 12);
    expect(accuracy.value).toBe(0.5);
    expect(answers).toBe(4);
    expect([tokenMean, sequenceMean].map(({ upper }) => upper)).toEqual([undefined, undefined]);
    // Both questions are alike, so that no resampling changes anything.
    expect(sequenceMean.low).toBeCloseTo(0.5, 12);
  });

  it("has both bounds of both averages where answers have, of which exact ones are both", () => {
    const bounded = (one: Result["samples"][number], meanEntropyUpper: number) => ({
      ...one,
      likelihood: { ...one.likelihood!, meanEntropyUpper },
    });
    const [first, second] = [answer(2, 0.9, true), answer(18, 0.1, false)];
    const measured = measureEntropy([
      { ...result, samples: [bounded(first, 1.1), second] },
      { ...result, id: "2", samples: [bounded(first, 1.1), bounded(second, 0.3)] },
    ]);
    expect(measured.tokenMean.value).toBeCloseTo((2 * 0.9 + 18 * 0.1) / 20, 12);
    expect(measured.tokenMean.upper!.value).toBeCloseTo((4 * 1.1 + 18 * 0.1 + 18 * 0.3) / 40, 12);
    expect(measured.sequenceMean.value).toBeCloseTo(0.5, 12);
    expect(measured.sequenceMean.upper!.value).toBeCloseTo((0.6 + 0.7) / 2, 12);
    expect(measured.sequenceMean.upper!.low).toBeCloseTo(0.6, 12);
  });
});
