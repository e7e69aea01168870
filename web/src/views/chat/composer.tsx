import { computed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { faultOf, ProblemNote } from "../../settings/problem-note.tsx";
import { model } from "../../state/connection.ts";
import { cancel, isRunning } from "../../state/run.ts";
import { sampler, samplers, shownFields, usualOf, written } from "./chat-settings.ts";
import type { ChatField } from "./chat-settings.ts";
import { draft, exchanges, send, startAnew } from "./conversation.ts";

const hint = computed(() => {
  const example = model.value?.example_prompts[0];
  return example === undefined ? "Ask something" : `Ask something, such as ${example}`;
});

/** What is written next, and how it is to be answered. */
export function Composer() {
  const text = useRef<HTMLTextAreaElement>(null);
  const isBusy = isRunning.value;
  return (
    <form
      class="composer"
      autocomplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        text.current?.focus();
      }}
    >
      <label for="message" class="unseen">
        Your message
      </label>
      <textarea
        id="message"
        ref={text}
        rows={2}
        placeholder={hint.value}
        aria-describedby="keys"
        value={draft.value}
        onInput={({ currentTarget }) => {
          draft.value = currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          event.stopPropagation();
          if (!isBusy) event.currentTarget.form?.requestSubmit();
        }}
      />
      <div class="bottom">
        <div class="choices" role="group" aria-label="Who answers">
          {samplers.map((name) => (
            <button
              key={name}
              type="button"
              id={`by-${name}`}
              aria-pressed={name === sampler.value}
              onClick={() => {
                sampler.value = name;
              }}
            >
              {name === "power" ? "Power" : "Standard"}
            </button>
          ))}
        </div>
        <p id="keys" class="hint keys">
          Enter sends, Shift+Enter breaks the line, Esc stops
        </p>
        {isBusy ? (
          <button id="stop" type="button" class="primary" onClick={cancel}>
            Stop
          </button>
        ) : (
          <button id="send" type="submit" class="primary" disabled={draft.value.trim() === ""}>
            Send
          </button>
        )}
      </div>
      <div class="foot">
        <details>
          <summary>Settings</summary>
          <div class="fields">
            {shownFields.value.map((field) => (
              <Field key={field.name} field={field} />
            ))}
          </div>
        </details>
        <button
          id="anew"
          type="button"
          class="quiet"
          disabled={isBusy || exchanges.value.length === 0}
          onClick={() => {
            startAnew();
            text.current?.focus();
          }}
        >
          New conversation
        </button>
      </div>
    </form>
  );
}

function Field({ field: { name, label, meaning, step } }: { readonly field: ChatField }) {
  return (
    <div class="field">
      <label for={name} title={meaning}>
        {label}
      </label>
      <input
        id={name}
        type="number"
        step={step}
        min={name === "alpha" ? undefined : name === "mcmc_steps" ? 0 : 1}
        placeholder={String(usualOf(name) ?? "")}
        value={written.value[name] ?? ""}
        onInput={({ currentTarget }) => {
          written.value = { ...written.value, [name]: currentTarget.value };
        }}
        {...faultOf(name)}
      />
      <ProblemNote control={name} />
    </div>
  );
}
