import { mean } from "../statistics.ts";
import type { Summary } from "../summary.ts";
import { drawAccuracy, drawCost, drawHistogram, drawPassAtK, drawSweep } from "./charts.ts";
import { escapeText, formatInterval, formatNumber, renderFigure, renderPage, renderTable } from "./page.ts";
import type { Cell } from "./page.ts";

export interface ReportContent {
  readonly title: string;
  readonly summaries: readonly Summary[];
  /** Name of the model under which answers were scored; undefined where each model scored its own. */
  readonly base: string | undefined;
}

const bounded =
  " A server that runs a model tells its likeliest tokens alone, which bound an entropy from below and from above: both are given, and confidence is that of the lower one.";

/** The report: one HTML page with its charts as SVG, to be read in a browser or on paper. */
export function renderReport({ title, summaries, base }: ReportContent): string {
  const under = base ?? "the model that answered";
  const isBounded = summaries.some(({ meanEntropyUpper }) => meanEntropyUpper !== null);
  return renderPage(title, [
    `<p>${summaries[0]?.items ?? 0} questions, ${summaries[0]?.n ?? 0} answers to each. Intervals: 95 %, by resampling questions. Log-likelihood and entropy are under ${escapeText(under)}, at temperature 1, averaged over an answer's tokens, then over answers.${isBounded ? bounded : ""}</p>`,
    "<h2>Accuracy</h2>",
    renderTable(
      ["", ...(summaries[0]?.passAt ?? []).map(({ k }) => `pass@${k}`)],
      summaries.map(({ label, passAt }) => [
        label,
        ...passAt.map(({ estimate }) => [formatNumber(estimate.value), formatInterval(estimate)] as const),
      ]),
    ),
    renderFigure("pass@1", drawAccuracy(summaries)),
    differences(summaries),
    renderFigure("At least one right answer of k", drawPassAtK(summaries)),
    "<h2>Answers</h2>",
    answers(summaries),
    renderFigure(
      `Log-likelihood under ${under}`,
      drawHistogram(summaries, "meanLogprobs", "mean log p per token, nats"),
    ),
    renderFigure(
      `Confidence under ${under}`,
      drawHistogram(
        summaries,
        "confidences",
        isBounded ? "negative mean entropy at its lower bound, nats" : "negative mean entropy, nats",
      ),
    ),
    "<h2>Cost</h2>",
    costs(summaries),
    exactDraws(summaries),
    chains(summaries),
    renderFigure("Accuracy and cost", drawCost(summaries)),
    renderFigure("Power: the exponent", drawSweep(summaries, "alpha", "alpha")),
    renderFigure("Power: the steps", drawSweep(summaries, "mcmc_steps", "steps per block")),
  ]);
}

/** As many columns of differences as paper is wide. */
const columnsOnPaper = 7;

function differences(summaries: readonly Summary[]): string {
  if (summaries.length < 2) return "";
  const numbered = summaries.map(({ label }, index) => ({ label, number: String(index + 1) }));
  const tables: string[] = [];
  for (let start = 0; start < numbered.length; start += columnsOnPaper) {
    const columns = numbered.slice(start, start + columnsOnPaper);
    const rows = summaries.map(({ label, differences: own }, index) => [
      `${index + 1} ${label}`,
      ...columns.map((column): Cell => {
        const estimate = own.find(({ to }) => to === column.label)?.estimate;
        return estimate === undefined ? "" : [formatNumber(estimate.value), formatInterval(estimate)];
      }),
    ]);
    tables.push(renderTable(["", ...columns.map(({ number }) => number)], rows));
  }
  return `<h2>Paired differences of pass@1: row less column</h2>${tables.join("<br>")}`;
}

function answers(summaries: readonly Summary[]): string {
  const head = ["", "log p per token", "entropy", "tokens", "cut off", "different answers", "answer entropy"];
  return renderTable(
    head,
    summaries.map((summary) => [
      summary.label,
      formatNumber(mean(summary.meanLogprobs)),
      formatEntropy(summary),
      formatNumber(summary.tokensPerAnswer, 1),
      formatNumber(summary.cutOff),
      formatNumber(summary.distinctAnswers, 2),
      formatNumber(summary.answerEntropy, 2),
    ]),
  );
}

function formatEntropy({ confidences, meanEntropyUpper }: Summary): string {
  const entropy = formatNumber(-mean(confidences));
  return meanEntropyUpper === null ? entropy : `${entropy} to ${formatNumber(meanEntropyUpper)}`;
}

function costs(summaries: readonly Summary[]): string {
  const head = [
    "",
    "evaluated tokens per answer",
    "evaluated in all",
    "drawn tokens per answer",
    "remembered ones",
    "s per question",
    "s in all",
  ];
  const note =
    "<p>Drawn tokens are those of all drafts and proposals: what an answer would cost without the memo. Evaluated ones are what it asked of the model, remembered ones what it knew. Seconds are those that requests took, waiting for one another included.</p>";
  const rows = summaries.map((summary) => [
    summary.label,
    formatNumber(summary.evaluatedTokensPerAnswer, 1),
    formatNumber(summary.totalEvaluatedTokens, 0),
    formatNumber(summary.drawnTokensPerAnswer, 0),
    formatNumber(summary.rememberedTokensPerAnswer, 0),
    formatNumber(summary.secondsPerRequest, 2),
    formatNumber(summary.totalSeconds, 0),
  ]);
  return note + renderTable(head, rows);
}

function exactDraws(summaries: readonly Summary[]): string {
  const rows = summaries.flatMap(({ label, exact }) =>
    exact === null ? [] : [[label, formatNumber(exact.share), formatNumber(exact.triesPerAnswer, 1)]],
  );
  const note =
    "<p>Share of the answers that are exact draws from p^α. A chain gave the others, where none of max_tries was accepted: a row with less than 1 is of neither law.</p>";
  return rows.length === 0
    ? ""
    : `<h2>Exact draws</h2>${note}${renderTable(["", "exact draws", "tries per answer"], rows)}`;
}

function chains(summaries: readonly Summary[]): string {
  const head = [
    "",
    "moved",
    "unchanged",
    "rejected",
    "acceptance",
    "changed the first token",
    "chains that ever did",
    "chains that read as unmixed",
    "split R-hat, median",
    "questions whose chains agree",
  ];
  const note =
    "<p>Shares of steps: proposals that moved the chain, that were what it had already, and that were turned down. Acceptance is Metropolis-Hastings's, moved and unchanged together, and no sign of mixing. Split R-hat (rank-normalised) compares the chains of a question; a dash where there is one chain, or nothing to compare.</p>";
  const rows = summaries.flatMap(({ label, chain }) =>
    chain === null
      ? []
      : [
          [
            label,
            ...[chain.moved, chain.unchanged, chain.rejected, chain.acceptance].map((share) =>
              formatNumber(share),
            ),
            formatNumber(chain.firstTokenChanges, 4),
            formatNumber(chain.movedChains),
            formatNumber(chain.unmixedChains),
            formatNumber(chain.splitRHat, 2),
            formatNumber(chain.agreeing),
          ],
        ],
  );
  return rows.length === 0 ? "" : `<h2>Chains</h2>${note}${renderTable(head, rows)}`;
}
