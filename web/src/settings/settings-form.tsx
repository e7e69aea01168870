import { signal } from "@preact/signals";
import { samplerChoices } from "../../../src/client/client.ts";
import { apiKey, giveKey, wantsKey } from "../state/connection.ts";
import { keyControl } from "../state/problem.ts";
import { cancel, isRunning } from "../state/run.ts";
import { prompt, sampler, shownFields, usualOf, write, writtenPrompt, written } from "../state/settings.ts";
import type { View } from "../view.ts";
import { ConstraintControl, Sentence } from "./constraint-control.tsx";
import { ExamplePrompts } from "./example-prompts.tsx";
import { FieldControl } from "./field-control.tsx";
import { faultOf, ProblemNote } from "./problem-note.tsx";
import { Share } from "./share.tsx";

/** On a phone the settings stand between the prompt and the results: there they open when asked for. */
const wide = matchMedia("(min-width: 52rem)");
const isWide = signal(wide.matches);
wide.addEventListener("change", ({ matches }) => {
  isWide.value = matches;
});

export interface SettingsFormProps {
  /** What the view that is shown reads of it. */
  readonly reads: View["reads"];
  readonly onRun: () => void;
}

/** The form beside the views: what a request says. */
export function SettingsForm({ reads, onRun }: SettingsFormProps) {
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
      {isWhole && <Share />}
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
        {shownFields.value.map((field) => (
          <FieldControl key={field.name} field={field} />
        ))}
        <div class="field">
          <label for="max_tokens" title="Most tokens of an answer.">
            Max tokens
          </label>
          <input
            id="max_tokens"
            type="number"
            min={1}
            placeholder={String(usualOf("max_tokens") ?? "")}
            value={written.value.max_tokens ?? ""}
            onInput={({ currentTarget }) => {
              write("max_tokens", currentTarget.value);
            }}
            {...faultOf("max_tokens")}
          />
          <ProblemNote control="max_tokens" />
        </div>
        <SeedField />
      </div>
      <ConstraintControl />
      <details class="meanings">
        <summary>What these settings mean</summary>
        <dl>
          {shownFields.value.map(({ name, label, meaning }) => (
            <div key={name}>
              <dt>{label}</dt>
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
  return (
    <div class="field">
      <label for="seed" title="The same seed and settings give the same answer.">
        Seed
      </label>
      <div class="joined">
        <input
          id="seed"
          type="number"
          step={1}
          required
          value={written.value.seed ?? ""}
          onInput={({ currentTarget }) => {
            write("seed", currentTarget.value);
          }}
          {...faultOf("seed")}
        />
        <button
          id="reseed"
          type="button"
          aria-label="Another seed"
          onClick={() => {
            write("seed", String(crypto.getRandomValues(new Uint32Array(1))[0]));
          }}
        >
          ↻
        </button>
      </div>
      <ProblemNote control="seed" />
    </div>
  );
}
