import "./steps.css";
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { remarksOn } from "../../../../src/client/client.ts";
import { StaleNote } from "../../parts/stale-note.tsx";
import { client } from "../../state/connection.ts";
import { isRunning } from "../../state/run.ts";
import { isolated } from "../../state/isolated.ts";
import { currentQuestion, isStale } from "../../state/question.ts";
import { request } from "../../state/settings.ts";
import { EntropyStrip } from "../../tokens/entropy-strip.tsx";
import { tokensOf, tokensOfRevised } from "../../tokens/shown-token.ts";
import { TokenLegend } from "../../tokens/token-legend.tsx";
import { TokenText } from "../../tokens/token-text.tsx";
import type { View } from "../../view.ts";
import { ChainFigures } from "./chain-figures.tsx";
import { isPlaying, position, record, recorded } from "./player.ts";
import type { Recording } from "./recording.ts";
import { StepPicture } from "./step-picture.tsx";
import { placeOf } from "./step-words.ts";
import { Timeline } from "./timeline.tsx";

/** Alternatives that are asked for at each token. */
const alternatives = 5;

const pointed = signal<number | undefined>(undefined);

function Steps() {
  const { recording } = recorded.value;
  const { frames, blocks, response } = recording;
  const at = position.value;
  const frame = frames[at];
  const choice = at >= frames.length - 1 ? response?.choices[0] : undefined;
  const tokens =
    choice !== undefined ? tokensOf(choice) : frame === undefined ? [] : tokensOfRevised(frame.after);
  const remarks = choice === undefined ? [] : remarksOn(choice);
  useEffect(() => {
    const pause = ({ key }: KeyboardEvent): void => {
      if (key === "Escape") isPlaying.value = false;
    };
    addEventListener("keydown", pause);
    return () => {
      removeEventListener("keydown", pause);
    };
  }, []);
  return (
    <>
      <div class="answer-head">
        <h2>Answer</h2>
        <p id="place" class="place">
          {frame === undefined ? "" : placeOf(frame, blocks)}
        </p>
      </div>
      {frame !== undefined && isStale(recording.question) && !isRunning.value && (
        <StaleNote question={recording.question} />
      )}
      <TokenText id="answer" label="Answer" tokens={tokens} kept={frame?.kept ?? 0} pointed={pointed}>
        <p class="hint">
          {isRunning.value
            ? `The model is writing a first draft${farOf(recording)} …`
            : "Run, and watch the answer being rewritten: a part is thrown away, the model writes it anew, and a weighted coin decides which of the two stays."}
        </p>
      </TokenText>
      <TokenLegend>
        <span>
          <span class="just-revised">underlined</span> just written
        </span>
      </TokenLegend>
      <EntropyStrip tokens={tokens} pointed={pointed} />
      <Timeline />
      {frame !== undefined && <StepPicture frame={frame} sampler={recording.accepted?.sampler} />}
      {remarks.length > 0 && <p id="remarks">{remarks.join(" ")}</p>}
      {frame !== undefined && <ChainFigures recording={recording} at={at} />}
    </>
  );
}

function farOf({ drafted: { drafted_tokens: drafted, horizon } }: Recording): string {
  return drafted === undefined ? "" : `, ${drafted} of at most ${horizon} tokens`;
}

/** One answer as it comes to be: a chain's revisions, or tokens one after the other. */
export const stepsView: View = {
  label: "Step by step",
  reads: "all",
  Panel: Steps,
  requests: () => [request()],
  runsWhenOpened: () => recorded.value.recording.frames.length === 0,
  run: (signal) => {
    const asked = request();
    const told = { logprobs: alternatives, entropy: true };
    const events = client.value.watch({ ...asked, ...isolated(asked.sampler), ...told }, { signal });
    return record(currentQuestion(), events);
  },
};
