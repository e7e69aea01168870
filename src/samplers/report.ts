import { z } from "zod";
import { count, described } from "./described.ts";

/** What every report says of the cost: drawn + discarded = evaluated + remembered. */
export const costReportFields = {
  drawn_tokens: count(
    "Tokens drawn for the answer, and for drafts, proposals and particles that did not become it.",
    1500,
  ),
  evaluated_tokens: count("Tokens that the model was asked for, discarded ones included: what was paid.", 40),
  remembered_tokens: count(
    "Tokens among the drawn ones that cost nothing: the model had been asked before, by this completion, another one of the prompt or an earlier request.",
    1462,
  ),
  discarded_tokens: count(
    "Tokens among the evaluated ones that nothing drew: of steps begun ahead and not taken, or that a budget ended.",
    2,
  ),
};

/** Of engines that know log Z within bounds alone. */
export const log_z_width = described(
  z.number(),
  "How far apart the bounds of log Z are, summed over the answer's tokens, nats. On engines that know it within bounds alone.",
  0.002,
).optional();

/** What every report of a sampler of whole completions says. */
export const runFields = {
  logprob: described(z.number(), "Σ log p of the completion under the model, nats.", -0.7),
  ...costReportFields,
  budget_exhausted: described(z.boolean(), "Whether max_evaluated_tokens ended it early.", false),
};

export type CostReport = z.output<z.ZodObject<typeof costReportFields>>;
export type RunReport = z.output<z.ZodObject<typeof runFields>>;

/** Whether a report is of a sampler of whole completions. */
export const isRunReport = (report: CostReport): report is RunReport => "budget_exhausted" in report;

/** The cost of what was drawn, of which so many tokens were remembered, where so many were evaluated in all. */
export const reportCost = (
  { drawnTokens, rememberedTokens }: { readonly drawnTokens: number; readonly rememberedTokens: number },
  evaluatedTokens: number,
): CostReport => ({
  drawn_tokens: drawnTokens,
  evaluated_tokens: evaluatedTokens,
  remembered_tokens: rememberedTokens,
  discarded_tokens: evaluatedTokens - (drawnTokens - rememberedTokens),
});

/** A Prometheus counter that is moved by every answer of a sampler. Samplers may share one. */
export interface ReportCounter<Body extends CostReport = CostReport> {
  /** Without the server's prefix. */
  readonly name: string;
  readonly help: string;
  /** What `count` tells apart, where it tells anything apart. */
  readonly label?: string;
  /** By how much, or by how much for each value of the label. */
  count(report: Body): number | Readonly<Record<string, number>>;
}

/** What a sampler says of how a completion came to be; stands under the sampler's name in the answer's choice. */
export interface ReportDeclaration<Schema extends z.ZodType<CostReport> = z.ZodType<CostReport>> {
  readonly schema: Schema;
  readonly example: object;
  readonly counters: readonly ReportCounter<z.output<Schema>>[];
}

export const reportOf = <Schema extends z.ZodType<CostReport>>(
  report: ReportDeclaration<Schema>,
): ReportDeclaration<Schema> => report;

/** Of samplers that draw each token once and keep it. */
export const tokenReport = reportOf({
  schema: z
    .object(costReportFields)
    .meta({ id: "TokenReport", description: "What drawing the tokens one by one has cost." }),
  example: { drawn_tokens: 21, evaluated_tokens: 21, remembered_tokens: 0, discarded_tokens: 0 },
  counters: [],
});
