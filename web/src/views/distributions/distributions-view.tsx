import "./distributions.css";
import { computed, signal } from "@preact/signals";
import { samplerChoices } from "../../../../src/client/client.ts";
import type { CompleteRequest } from "../../../../src/client/client.ts";
import { drawSample } from "../../law/draw-sample.ts";
import { Sample } from "../../law/sample.ts";
import { client, model, usualMaxTokens } from "../../state/connection.ts";
import { currentQuestion, isStale } from "../../state/question.ts";
import type { Question } from "../../state/question.ts";
import { commonRequest, constraint, form, request } from "../../state/settings.ts";
import { mostAnswers } from "../../state/sampler-form.ts";
import { StaleNote } from "../../parts/stale-note.tsx";
import type { View } from "../../view.ts";
import { AlphaSlider } from "./alpha-slider.tsx";
import { DrawnNote, SampleNote } from "./law-notes.tsx";
import { LawTable } from "./law-table.tsx";
import { columnsOf } from "./columns.ts";
import type { Drawn } from "./columns.ts";

interface Sampled {
  readonly sample: Sample;
  readonly question: Question;
  /** Whether answers were held to something. */
  readonly isHeld: boolean;
}

const sampleSize = signal("256");
const drawnSize = signal("32");
const grouping = signal<"number" | "text">("number");
/** What was sampled, anew whenever it has grown. */
const sampled = signal<Sampled | undefined>(undefined);
const drawn = signal<Drawn | undefined>(undefined);
const state = signal("");

/** The exponent that is looked at: the form's, which the slider moves. */
const alpha = computed(() => Number(form.textOf("alpha")) || (model.value?.defaults.alpha ?? 4));

/** What the column of drawn answers asks; how the laws beside it are estimated is the page's own affair. */
const drawnRequest = (): CompleteRequest => ({ ...request(), n: Number(drawnSize.value) });

const formLabel = (): string =>
  samplerChoices.find(({ name }) => name === form.sampler.value)!.label.toLowerCase();

function Distributions() {
  const current = sampled.value;
  const columns =
    current === undefined
      ? undefined
      : columnsOf({ ...current, drawn: drawn.value, alpha: alpha.value, grouping: grouping.value });
  return (
    <>
      <p class="lead">
        Power sampling raises the probability of each <em>whole answer</em> to the power α. Low temperature
        does so <em>token by token</em>, which favours a likely beginning even where nothing likely follows.
        Move α and watch the two part.
      </p>
      <AlphaSlider
        alpha={alpha.value}
        onChange={(value) => {
          form.write("alpha", String(value));
        }}
      />
      <div class="answer-head">
        <label>
          Samples{" "}
          <input
            id="samples"
            type="number"
            form="settings"
            required
            min={1}
            max={4096}
            value={sampleSize.value}
            onInput={({ currentTarget }) => {
              sampleSize.value = currentTarget.value;
            }}
          />
        </label>
        <label>
          Answers drawn by {formLabel()}{" "}
          <input
            id="chains"
            type="number"
            form="settings"
            required
            min={1}
            max={mostAnswers}
            value={drawnSize.value}
            onInput={({ currentTarget }) => {
              drawnSize.value = currentTarget.value;
            }}
          />
        </label>
        <label>
          Group by{" "}
          <select
            id="grouping"
            value={grouping.value}
            onChange={({ currentTarget }) => {
              grouping.value = currentTarget.value === "text" ? "text" : "number";
            }}
          >
            <option value="number">last number</option>
            <option value="text">whole answer</option>
          </select>
        </label>
      </div>
      <p class="hint" id="law-state" role="status">
        {state.value !== ""
          ? state.value
          : columns === undefined
            ? "Run to ask the model for many answers, each with its probability."
            : ""}
      </p>
      {current !== undefined && isStale(current.question) && state.value === "" && (
        <StaleNote question={current.question} />
      )}
      {columns !== undefined && <LawTable columns={columns} />}
      {current !== undefined && <SampleNote {...current} alpha={alpha.value} />}
      {drawn.value !== undefined && <DrawnNote drawn={drawn.value} />}
    </>
  );
}

async function draw(signal: AbortSignal): Promise<void> {
  const size = Number(sampleSize.value);
  const isHeld = constraint.value !== "";
  const question = currentQuestion();
  const sample = new Sample();
  // What is set while the sample is drawn is the next run's.
  const [common, drawing, label] = [commonRequest(), drawnRequest(), formLabel()];
  const hasAlpha = form.shownFields.value.some(({ name }) => name === "alpha");
  const exponent = hasAlpha ? alpha.value : undefined;
  try {
    state.value = `Drawing ${size} answers from the model itself …`;
    await drawSample(client.value, common, sample, {
      size,
      maxTokens: common.max_tokens ?? usualMaxTokens.value,
      signal,
      onMore() {
        drawn.value = undefined;
        sampled.value = { sample, question, isHeld };
        state.value = `${sample.drawn} of ${size} answers drawn from the model itself …`;
      },
    });
    state.value = `Drawing ${drawing.n} answers by ${label} …`;
    const { choices } = await client.value.complete(drawing, { signal });
    drawn.value = { sampler: drawing.sampler, alpha: exponent, choices };
  } finally {
    state.value = "";
  }
}

/** How the answers are distributed: by the model, at low temperature, by power, and as they are drawn. */
export const distributionsView: View = {
  label: "Distributions",
  reads: "all",
  Panel: Distributions,
  requests: () => [drawnRequest()],
  runsWhenOpened: () => sampled.value === undefined && !form.asksForMore(),
  run: draw,
};
