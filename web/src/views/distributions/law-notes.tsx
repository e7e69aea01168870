import { formatCount, formatProbability } from "../../format.ts";
import { mostUnseen } from "../../law/laws.ts";
import type { Sample } from "../../law/sample.ts";
import { costOfAll } from "./columns.ts";
import type { Drawn } from "./columns.ts";

export interface SampleNoteProps {
  readonly sample: Sample;
  readonly isHeld: boolean;
  readonly alpha: number;
}

/** Above this, the answers seen are too few to stand for all. */
const mostMissing = 0.05;

/** What the laws were computed from, and how far that carries. */
export function SampleNote({ sample, isHeld, alpha }: SampleNoteProps) {
  const { drawn, answers, mass, cutOff } = sample;
  const missing = mostUnseen(sample, alpha);
  return (
    <p class="note" id="sample-note">
      An estimate, from {formatCount(drawn)} samples at temperature 1: {formatCount(answers.length)} different
      answers, which hold {formatProbability(mass)} of all probability. Each one’s own probability is known
      exactly; power’s column weighs them by p<sup>α</sup>
      {isHeld
        ? ", the model’s by how often they were drawn. Low temperature is left out: within what answers are held to, its law does not follow from these numbers."
        : `. Answers not seen in the ${formatCount(drawn)} samples, taken for as rare as the rarest that was, could add at most ${formatProbability(missing)} to it.`}{" "}
      {!isHeld && missing > mostMissing && (
        <strong>
          That is much: many answers were never seen, and power’s column may be far off. Ask for more samples,
          or for shorter answers (max tokens).
        </strong>
      )}{" "}
      {cutOff > 0 && `${formatCount(cutOff)} samples were cut off at max tokens.`}
    </p>
  );
}

/** What the drawn answers took, and whether they are what was asked for. */
export function DrawnNote({ drawn: answers }: { readonly drawn: Drawn }) {
  const { choices } = answers;
  const { drawn, evaluated, remembered } = costOfAll(answers);
  const inPlace = choices.filter(({ exact }) => exact?.exact === false).length;
  const unmixed = choices.filter(({ power }) => (power?.mixing_warning ?? null) !== null).length;
  return (
    <p class="note" id="drawn-note">
      The {choices.length} drawn answers took {formatCount(drawn)} tokens: {formatCount(evaluated)} evaluated,{" "}
      {formatCount(remembered)} remembered.{" "}
      {remembered > 0 &&
        "What is remembered was asked of the model before, by these answers or others, and costs nothing."}
      {inPlace > 0 && ` ${choices.length - inPlace} are exact draws; chains answered in place of the others.`}
      {unmixed > 0 && (
        <>
          {" "}
          <strong id="unsettled">
            {unmixed} of the {choices.length} chains had not settled: they may stand where they began, so that
            these shares are off. More steps help; a high α needs more of them.
          </strong>
        </>
      )}
    </p>
  );
}
