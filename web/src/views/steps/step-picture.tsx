import type { RevisedText } from "../../../../src/client/client.ts";
import type { Frame } from "./recording.ts";
import { tell, verdictOf } from "./step-words.ts";

/** Characters before the cut, and after it, that are shown. */
const mostKept = 28;
const mostWritten = 240;

export interface StepPictureProps {
  readonly frame: Frame;
  /** What answers. */
  readonly sampler: string | undefined;
}

/** The step that is shown: what stood there, and what was proposed instead, one above the other from the same cut. */
export function StepPicture({ frame, sampler }: StepPictureProps) {
  const { before, proposal, decision } = frame;
  const { word, tone } = verdictOf(frame);
  return (
    <div class={`step ${tone}`} id="step">
      {proposal !== undefined && (
        <dl class="aligned">
          {before.tokens.length > 0 && (
            <Line name="stood" kept={keptOf(frame)} rest={restOf(before, proposal.from_char)} isOld />
          )}
          <Line
            name={before.tokens.length > 0 ? "proposed" : "tried"}
            kept={keptOf(frame)}
            rest={endOf(proposal.text, proposal.tokens.length)}
            isUnfinished={decision?.outcome === "rejected_early"}
          />
        </dl>
      )}
      <p class="told">
        <b class="verdict">{word}</b> {tell(frame, sampler).join(" ")}
      </p>
    </div>
  );
}

interface LineProps {
  readonly name: string;
  readonly kept: string;
  readonly rest: string;
  readonly isOld?: boolean;
  /** Whether it was given up before it was written to its end. */
  readonly isUnfinished?: boolean;
}

function Line({ name, kept, rest, isOld = false, isUnfinished = false }: LineProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd tabIndex={0}>
        <span class="kept">{kept}</span>
        <span class="cut" aria-label="cut here" role="img" />
        <mark class={isOld ? "old" : "new"}>{rest}</mark>
        {isUnfinished && <small> … unfinished</small>}
      </dd>
    </div>
  );
}

function keptOf({ before, proposal }: Frame): string {
  const kept = Array.from(before.text).slice(0, proposal?.from_char ?? 0);
  return kept.length <= mostKept ? kept.join("") : `…${kept.slice(-mostKept).join("")}`;
}

const restOf = ({ text, tokens }: RevisedText, from: number): string =>
  endOf(Array.from(text).slice(from).join(""), tokens.length);

/** A text's beginning, and a sign of its end where it has no text at all. */
function endOf(text: string, tokens: number): string {
  const characters = Array.from(text);
  if (characters.length === 0 && tokens > 0) return "∎";
  return characters.length <= mostWritten ? text : `${characters.slice(0, mostWritten).join("")}…`;
}
