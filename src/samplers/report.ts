import { z } from "zod";
import { count, described } from "./described.ts";

/** What every report says. */
export const runFields = {
  logprob: described(z.number(), "Σ log p of the completion under the model, nats.", -0.7),
  drawn_tokens: count("Tokens drawn for draft and proposals, those answered from the memo included.", 1500),
  evaluated_tokens: count("Model evaluations, discarded ones included.", 40),
  budget_exhausted: described(z.boolean(), "Whether max_evaluated_tokens ended it early.", false),
};

export type RunReport = z.output<z.ZodObject<typeof runFields>>;

/** A Prometheus counter that is moved by every answer of a sampler. Samplers may share one. */
export interface ReportCounter<Body extends RunReport = RunReport> {
  /** Without the server's prefix. */
  readonly name: string;
  readonly help: string;
  /** What `count` tells apart, where it tells anything apart. */
  readonly label?: string;
  /** By how much, or by how much for each value of the label. */
  count(report: Body): number | Readonly<Record<string, number>>;
}

/** What a sampler says of how a completion came to be; stands under the sampler's name in the answer's choice. */
export interface ReportDeclaration<Schema extends z.ZodType<RunReport> = z.ZodType<RunReport>> {
  readonly schema: Schema;
  readonly example: object;
  readonly counters: readonly ReportCounter<z.output<Schema>>[];
}

export const reportOf = <Schema extends z.ZodType<RunReport>>(
  report: ReportDeclaration<Schema>,
): ReportDeclaration<Schema> => report;
