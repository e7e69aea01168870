import { signals } from "../likelihood/knowledge.ts";
import type { GroupKnowledge } from "../likelihood/knowledge.ts";
import { signalNames } from "../likelihood/words.ts";
import { mean } from "../statistics.ts";
import type { Summary } from "../summary.ts";
import { formatInterval, formatNumber, renderNote, renderTable } from "./page.ts";
import type { Cell } from "./page.ts";

/** At least one right answer of k. */
export const passTable = (summaries: readonly Summary[]): string =>
  renderTable(
    ["", ...(summaries[0]?.passAt ?? []).map(({ k }) => `pass@${k}`)],
    summaries.map(({ label, passAt }) => [
      label,
      ...passAt.map(({ estimate }) => [formatNumber(estimate.value), formatInterval(estimate)] as const),
    ]),
  );

/** How often signals tell right from wrong, and of how many questions that can be asked. */
export const areaTable = (likelihood: readonly GroupKnowledge[]): string =>
  renderTable(
    ["", "questions with both", ...signals.flatMap((signal) => [signalNames[signal], "pooled"])],
    likelihood.map(({ label, askable, knowledge }) => [
      label,
      formatNumber(askable),
      ...signals.flatMap((signal): Cell[] => {
        const own = knowledge.find((one) => one.signal === signal);
        if (own === undefined) return ["–", "–"];
        return [own.area, own.pooledArea].map((area) => [formatNumber(area.value), formatInterval(area)]);
      }),
    ]),
  );

/** What answers are like. */
export function answerTable(summaries: readonly Summary[]): string {
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

/** What answers took. */
export function costTable(summaries: readonly Summary[]): string {
  const head = [
    "",
    "evaluated tokens per answer",
    "evaluated in all",
    "drawn tokens per answer",
    "remembered ones",
    "s per question",
    "s in all",
  ];
  const note = renderNote(
    "Drawn tokens are those of all drafts and proposals: what an answer would cost without the memo. Evaluated ones are what it asked of the model, remembered ones what it knew. Prompts are counted in neither: the answers to a question share its prompt. Seconds are those that requests took, waiting for one another included.",
  );
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

/** Nothing where nobody was to draw exactly. */
export function exactTable(summaries: readonly Summary[]): string {
  const rows = summaries.flatMap(({ label, exact }) =>
    exact === null ? [] : [[label, formatNumber(exact.share), formatNumber(exact.triesPerAnswer, 1)]],
  );
  const note = renderNote(
    "Share of the answers that are exact draws from p^α. A chain gave the others, where none of max_tries was accepted: a row with less than 1 is of neither law.",
  );
  return rows.length === 0
    ? ""
    : `<h2>Exact draws</h2>${note}${renderTable(["", "exact draws", "tries per answer"], rows)}`;
}

/** Nothing where there are no chains. */
export function chainTable(summaries: readonly Summary[]): string {
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
  const note = renderNote(
    "Shares of steps: proposals that moved the chain, that were what it had already, and that were turned down. Acceptance is Metropolis-Hastings's, moved and unchanged together, and no sign of mixing. Split R-hat (rank-normalised) compares the chains of a question; a dash where there is one chain, or nothing to compare.",
  );
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
