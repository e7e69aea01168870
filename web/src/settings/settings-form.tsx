import { signal } from "@preact/signals";
import { samplerChoices } from "../../../src/client/client.ts";
import { apiKey, giveKey, wantsKey } from "../state/connection.ts";
import { keyControl } from "../state/problem.ts";
import { linkHere } from "../state/link.ts";
import { cancel, isRunning } from "../state/run.ts";
import { form, prompt, seedField, writtenPrompt } from "../state/settings.ts";
import type { View } from "../view.ts";
import { ConstraintControl, Sentence } from "./constraint-control.tsx";
import { ExamplePrompts } from "./example-prompts.tsx";
import { FieldControl } from "./field-control.tsx";
import { faultOf, ProblemNote } from "./problem-note.tsx";
import { programs, Share } from "./share.tsx";

/** On a phone the settings stand between the prompt and the results: there they open when asked for. */
const wide = matchMedia("(min-width: 52rem)");
const isWide = signal(wide.matches);
wide.addEventListener("change", ({ matches }) => {
  isWide.value = matches;
});

export interface SettingsFormProps {
  /** The view that is shown. */
  readonly view: View;
  readonly onRun: () => void;
}

/** The form beside the views: what a request says. */
export function SettingsForm({ view: { reads, requests }, onRun }: SettingsFormProps) {
  const isWhole = reads === "all";
  return (
    <form
      id="settings"
      hidden={reads === "nothing" && !wantsKey.value}
      autocomplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        onRun();
      }}
    >
      {wantsKey.value && <KeyField />}
      {reads !== "nothing" && <Prompt onRun={onRun} />}
      {isWhole && (
        <details
          class="whole"
          open={isWide.value}
          onInvalidCapture={({ currentTarget }) => {
            currentTarget.open = true;
          }}
        >
          <summary>Settings</summary>
          <SamplerFields />
        </details>
      )}
      {requests !== undefined && (
        <Share
          forms={{
            link: linkHere,
            ...programs(() => ({ route: "completions", requests: requests() })),
          }}
        />
      )}
    </form>
  );
}

/** What is to be continued, and the buttons for it. */
function Prompt({ onRun }: Pick<SettingsFormProps, "onRun">) {
  return (
    <>
      <div class="field">
        <label for="prompt">Prompt</label>
        <textarea
          id="prompt"
          rows={3}
          spellcheck={false}
          required
          value={prompt.value}
          onInput={({ currentTarget }) => {
            writtenPrompt.value = currentTarget.value;
          }}
          {...faultOf("prompt")}
        />
        <ProblemNote control="prompt" />
        <ExamplePrompts onRun={onRun} />
      </div>
      <div class="actions">
        <button id="run" type="submit" class="primary">
          Run <kbd>Ctrl ⏎</kbd>
        </button>
        <button id="cancel" type="button" disabled={!isRunning.value} onClick={cancel}>
          Cancel <kbd>Esc</kbd>
        </button>
      </div>
      <ProblemNote control={undefined} />
    </>
  );
}

function KeyField() {
  return (
    <div class="field">
      <label for={keyControl}>
        API key <small>this server wants one</small>
      </label>
      <input
        id={keyControl}
        type="password"
        autocomplete="off"
        value={apiKey.value}
        onChange={({ currentTarget }) => {
          giveKey(currentTarget.value);
        }}
        {...faultOf(keyControl)}
      />
      <ProblemNote control={keyControl} />
    </div>
  );
}

/** The sampler, what it is set by, and what all samplers share. */
function SamplerFields() {
  const { sampler } = form;
  const chosen = samplerChoices.find(({ name }) => name === sampler.value)!;
  return (
    <>
      <fieldset class="samplers">
        <legend>Sampler</legend>
        {samplerChoices.map(({ name, label, summary }) => (
          <label key={name} title={summary}>
            <input
              type="radio"
              name="sampler"
              value={name}
              checked={name === sampler.value}
              onChange={() => {
                sampler.value = name;
              }}
            />
            <span>{label}</span>
          </label>
        ))}
        <p class="hint">
          {chosen.label}: {chosen.summary}.
        </p>
      </fieldset>
      <div class="numbers">
        {[...form.shownFields.value, ...form.commonFields].map((field) => (
          <FieldControl key={field.name} field={field} form={form} />
        ))}
        <SeedField />
      </div>
      <ConstraintControl />
      <details class="meanings">
        <summary>What these settings mean</summary>
        <dl>
          {form.shownFields.value.map(({ name, label, meaning }) => (
            <div key={name}>
              <dt>
                {label} <code>{name}</code>
              </dt>
              <dd>
                <Sentence text={meaning} />.
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  );
}

function SeedField() {
  const { name, label, meaning } = seedField;
  return (
    <div class="field">
      <label for={name} title={meaning}>
        {label}
      </label>
      <div class="joined">
        <input
          id={name}
          type="number"
          step={1}
          required
          value={form.textOf(name)}
          onInput={({ currentTarget }) => {
            form.write(name, currentTarget.value);
          }}
          {...faultOf(name)}
        />
        <button
          id="reseed"
          type="button"
          aria-label="Another seed"
          onClick={() => {
            form.write(name, String(crypto.getRandomValues(new Uint32Array(1))[0]));
          }}
        >
          ↻
        </button>
      </div>
      <ProblemNote control={name} />
    </div>
  );
}
