import type { Group } from "../groups.ts";
import type { QuestionList } from "../question-list.ts";
import type { Sample } from "../result.ts";
import { escapeText, formatNumber } from "./page.ts";

/** Questions whose answers are shown. */
const shown = 6;
/** Of a question and of an answer, characters. */
const longest = 1200;

interface Given {
  readonly label: string;
  readonly sample: Sample;
}

interface Example {
  readonly id: string;
  readonly right: Given;
  readonly wrong: Given;
  /** Right answers of each configuration. */
  readonly counts: readonly { readonly label: string; readonly right: number; readonly of: number }[];
}

/** Questions that were answered rightly and wrongly, with the likeliest answer of either kind side by side. */
export function renderExamples(groups: readonly Group[], questions: QuestionList | undefined): string {
  const examples = chooseExamples(groups);
  return examples.map((example) => renderExample(example, questions)).join("");
}

/** Those that most configurations are of two minds about, by id. */
function chooseExamples(groups: readonly Group[]): readonly Example[] {
  const [first] = groups;
  if (first === undefined) return [];
  const examples = first.results.flatMap(({ id }, place): Example[] => {
    const given = groups.flatMap(({ label, results }) =>
      results[place]!.samples.map((sample): Given => ({ label, sample })),
    );
    const right = likeliest(given.filter(({ sample }) => sample.isCorrect));
    const wrong = likeliest(given.filter(({ sample }) => !sample.isCorrect));
    if (right === undefined || wrong === undefined) return [];
    const counts = groups.map(({ label, results }) => {
      const { samples } = results[place]!;
      return { label, right: samples.filter(({ isCorrect }) => isCorrect).length, of: samples.length };
    });
    return [{ id, right, wrong, counts }];
  });
  const doubt = ({ counts }: Example): number =>
    counts.filter(({ right, of }) => right > 0 && right < of).length;
  const chosen = new Set(examples.toSorted((a, b) => doubt(b) - doubt(a)).slice(0, shown));
  return examples.filter((example) => chosen.has(example));
}

/** Of several as likely, the first. */
function likeliest(given: readonly Given[]): Given | undefined {
  const logprobOf = ({ sample }: Given): number => sample.likelihood?.logprob ?? -Infinity;
  return given.reduce<Given | undefined>(
    (most, one) => (most === undefined || logprobOf(one) > logprobOf(most) ? one : most),
    undefined,
  );
}

function renderExample({ id, right, wrong, counts }: Example, questions: QuestionList | undefined): string {
  const question = questions?.questions.find((one) => one.id === id);
  const asked =
    question === undefined
      ? ""
      : `<pre>${escapeText(tail(question.text))}</pre><p class="note">The answer: ${escapeText(tail(question.answer))}</p>`;
  const tallies = counts.map(({ label, right: own, of }) => `${label} ${own}/${of}`).join("; ");
  return [
    `<section class="example"><h3>${escapeText(id)}</h3>${asked}`,
    `<div class="pair">${renderGiven("right", right)}${renderGiven("wrong", wrong)}</div>`,
    `<p class="note">Right: ${escapeText(tallies)}</p></section>`,
  ].join("");
}

function renderGiven(verdict: "right" | "wrong", { label, sample }: Given): string {
  const { text, answer, isUnanswered, likelihood } = sample;
  const read = isUnanswered === true ? "no answer found" : `read as ${head(answer, 80)}`;
  const logprob = likelihood === null ? "" : `, log p ${formatNumber(likelihood.logprob, 2)}`;
  return `<div class="${verdict}"><span class="note">${escapeText(`${verdict}: ${label}${logprob}; ${read}`)}</span><pre>${escapeText(tail(text))}</pre></div>`;
}

const head = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most)}…`);

/** The end of a long text, where a question asks and an answer concludes. */
const tail = (text: string): string => (text.length <= longest ? text : `…${text.slice(-longest)}`);
