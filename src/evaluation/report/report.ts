import type { Analysis } from "../analysis.ts";
import type { MatchedBudgets } from "../compute/budgets.ts";
import { chanceWords, costNames, headline } from "../compute/words.ts";
import type { Group } from "../groups.ts";
import type { GroupKnowledge } from "../likelihood/knowledge.ts";
import { knowledgeWords } from "../likelihood/words.ts";
import type { QuestionList } from "../question-list.ts";
import { fewestQuestions } from "../statistics.ts";
import type { Evaluation } from "../stored-results.ts";
import { renderBudgets, renderFrontier } from "./budget-tables.ts";
import { drawAccuracy, drawHistogram, drawSweep } from "./charts.ts";
import { drawCurves } from "./curve-panels.ts";
import { drawDifferences } from "./difference-matrix.ts";
import { renderExamples } from "./examples.ts";
import { drawFrontier } from "./frontier-chart.ts";
import { escapeText, renderFigure, renderFolded, renderNote, renderPage } from "./page.ts";
import { baselines, findings } from "./findings.ts";
import { factsOf } from "./provenance.ts";
import { seriesColors } from "./series-colors.ts";
import { drawSignals } from "./signal-chart.ts";
import { answerTable, areaTable, chainTable, costTable, exactTable, passTable } from "./tables.ts";

export interface ReportContent {
  readonly title: string;
  readonly evaluation: Evaluation;
  /** Paired, what others are held against first; at least one. */
  readonly groups: readonly Group[];
  readonly analysis: Analysis;
  /** Where they are known. */
  readonly questions?: QuestionList | undefined;
  /** Name of the model under which answers were scored; undefined where each model scored its own. */
  readonly base: string | undefined;
}

const bounded =
  " A server that runs a model tells its likeliest tokens alone, which bound an entropy from below and from above: both are given, and confidence is that of the lower one.";

const computeNote =
  "Everything is computed from the same stored answers. k answers cost k times one answer's mean; vote, best of k and pass@k are means over all k of a question's answers. Between two numbers of answers accuracy is interpolated linearly in the logarithm of the cost. At a budget each configuration has its best rule, and the frontier its best point, chosen on these very questions, so both are likelier too high than too low; intervals are of one comparison each. A vote takes the answer that most texts give, of as many the one with the likeliest text; texts without an answer do not vote.";

const costNotes = {
  evaluated:
    "Evaluated tokens: model evaluations after the prompt, discarded ones included. Plain answers to a prompt have no memo; those of chains are counted after theirs.",
  drawn: "Drawn tokens: what the same answers would cost without any memo.",
  seconds:
    "Seconds: the time of the run, shared among the requests under way by the answers that each asked for. An answer alone would take longer than its share.",
};

/** The report: one HTML page with its charts as SVG, to be read in a browser or on paper. */
export function renderReport(content: ReportContent): string {
  const { title, groups, analysis, questions, base } = content;
  const { summaries, compute, likelihood } = analysis;
  const under = base ?? "the model that answered";
  const isBounded = summaries.some(({ meanEntropyUpper }) => meanEntropyUpper !== null);
  const [main, ...others] = Object.values(compute.matched);
  const colors = seriesColors(compute);
  return renderPage(title, [
    renderSummary(content),
    renderFigure(
      "Accuracy against what it costs",
      main && drawFrontier(compute, main.kind, colors),
      main &&
        `Each line is a configuration, from one answer to all ${summaries[0]?.n ?? 0}, by its best rule. The band is the best at each cost, with its interval.`,
    ),
    renderBudget(main),
    main === undefined ? "" : renderFolded("The best at each cost", renderFrontier(compute, main.kind)),
    ...others.map((one) =>
      renderFolded(
        `The same against ${costNames[one.kind]}`,
        `<p>${escapeText(headline(one))}</p>`,
        renderFigure("", drawFrontier(compute, one.kind, colors)),
        renderBudget(one),
      ),
    ),
    renderFigure("One answer: pass@1", drawAccuracy(summaries, colors)),
    renderFigure(
      "Paired differences of pass@1: row less column",
      drawDifferences(summaries),
      "Bold: the 95 % interval leaves out 0.",
    ),
    renderFigure("More answers: what a rule makes of k", drawCurves(compute.configurations)),
    renderFolded("At least one right answer of k", passTable(summaries)),
    ...renderLikelihood(likelihood),
    `<h2>Answers, right and wrong</h2>`,
    renderExamples(groups, questions),
    "<h2>What answers are like</h2>",
    renderNote(
      `Log-likelihood and entropy are under ${under}, at temperature 1, averaged over an answer's tokens, then over answers.${isBounded ? bounded : ""}`,
    ),
    answerTable(summaries),
    renderFolded(
      "How they spread",
      renderFigure(
        `Log-likelihood under ${under}`,
        drawHistogram(summaries, "meanLogprobs", "mean log p per token, nats", colors),
      ),
      renderFigure(
        `Confidence under ${under}`,
        drawHistogram(
          summaries,
          "confidences",
          isBounded ? "negative mean entropy at its lower bound, nats" : "negative mean entropy, nats",
          colors,
        ),
      ),
    ),
    "<h2>Cost</h2>",
    costTable(summaries),
    exactTable(summaries),
    chainTable(summaries),
    renderFigure("Power: the exponent", drawSweep(summaries, "alpha", "alpha")),
    renderFigure("Power: the steps", drawSweep(summaries, "mcmc_steps", "steps per block")),
  ]);
}

/** What came out, in sentences; then what it is about. */
function renderSummary({ analysis, evaluation, groups, questions, base }: ReportContent): string {
  const { compute } = analysis;
  const [main] = Object.values(compute.matched);
  const [first, ...sentences] = findings(analysis);
  const facts = factsOf(groups, evaluation, { data: questions?.name ?? "data that was not noted", base });
  const items = facts.map(([name, value]) => `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`);
  return [
    `<section class="summary"><p><strong>${escapeText(first)}</strong></p>`,
    `<ul>${sentences.map((sentence) => `<li>${escapeText(sentence)}</li>`).join("")}</ul>`,
    `<dl>${items.join("")}</dl></section>`,
    renderNote(
      `Brackets: 95 % intervals, by resampling questions, of ${fewestQuestions} at least; where all or nearly all of them agree, by what so few may have missed, too.${main === undefined ? "" : `${chanceWords(main)} 1x is the cost of one answer of ${main.baseline}.`}`,
    ),
  ].join("");
}

const renderBudget = (matched: MatchedBudgets | undefined): string =>
  matched === undefined
    ? ""
    : renderBudgets(matched) + renderNote(`${computeNote} ${costNotes[matched.kind]}`);

function renderLikelihood(likelihood: readonly GroupKnowledge[]): string[] {
  return [
    "<h2>Does likelihood know?</h2>",
    `<p>${baselines(likelihood).map(knowledgeWords).map(escapeText).join("<br>")}</p>`,
    renderFigure("", drawSignals(likelihood)),
    renderFolded("The same as a table", areaTable(likelihood)),
    renderNote(
      "Of every right and every wrong answer to the same question: how often the right one has the higher log p, mean log p or self-certainty, or the lower entropy; as high counts as half. Averaged over the questions that have both; pooled, over all pairs.",
    ),
  ];
}
