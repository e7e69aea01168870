import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { parseLines } from "../json-lines.ts";

const share = z.number().min(0).max(1);

/** A line of a training log or of `metropolis entropy`; other fields may stand beside these. */
const point = z
  .object({
    step: z.number().int().min(0),
    /** Policy entropy, nats. */
    H: z.number().min(0),
    /** Where H is a lower bound of it: the upper one. */
    HUpper: z.number().optional(),
    /** Validation accuracy. */
    R: share,
    /** Answers behind R. */
    n: z.number().int().min(1).optional(),
    /** The model that this run trained. */
    model: z.string().optional(),
    /** What kept the entropy from falling, such as "clip_cov"; null or "none" for nothing. */
    intervention: z.string().nullish(),
  })
  .refine(({ H, HUpper = H }) => HUpper >= H, { path: ["HUpper"], error: "HUpper is less than H" });

export type Point = z.output<typeof point>;

/** The most that H may be. */
export const upperOf = ({ H, HUpper = H }: Point): number => HUpper;

/**
 * Points of one run, by step.
 * @throws InferenceError naming line and field, or that there are too few, or of several models or runs
 */
export function parsePoints(text: string, name: string): readonly Point[] {
  const points = parseLines(text, name).map(({ value, at }) => {
    const parsed = point.safeParse(value);
    if (parsed.success) return parsed.data;
    throw invalid(`${at}: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
  });
  const models = [...new Set(points.flatMap(({ model }) => model ?? []))];
  if (models.length > 1) {
    throw invalid(
      `${name} holds points of ${models.join(", ")}; the law is one of a single run. Split the file.`,
    );
  }
  if (points.length < 3) {
    throw invalid(`${name} holds ${points.length} points; a fit of two coefficients wants at least 3.`);
  }
  if (new Set(points.map(({ H }) => H)).size < 2) throw invalid(`${name}: H is the same at all points.`);
  const [most, least] = [Math.max(...points.map(({ H }) => H)), Math.min(...points.map(upperOf))];
  if (most <= least) {
    throw invalid(
      `${name}: H may be the same at all points: its bounds, H to HUpper, have ${most.toFixed(4)} in common. Measure with more of the likeliest tokens: the server's cap on log-probs (vLLM: --max-logprobs).`,
    );
  }
  const sorted = points.toSorted((a, b) => a.step - b.step);
  const twice = sorted.find(({ step }, index) => step === sorted[index + 1]?.step);
  if (twice === undefined) return sorted;
  throw invalid(
    `${name} holds two points of step ${twice.step}; a run has one. Split the file if it holds several runs.`,
  );
}

const invalid = (message: string): InferenceError => new InferenceError("invalid_request", message);
