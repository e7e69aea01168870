import { computed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { FieldControl } from "../../settings/field-control.tsx";
import { model } from "../../state/connection.ts";
import { cancel, isRunning } from "../../state/run.ts";
import { chatForm, systemMessage } from "../../state/chat-settings.ts";
import { draft, exchanges, send, startAnew, waitingDrafts } from "./conversation.ts";

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
      id="composer"
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
      {waitingDrafts.value.length > 0 && (
        <p id="waiting-draft" class="hint" role="status">
          What you were writing comes back when this is sent.
        </p>
      )}
      <div class="bottom">
        <div class="choices" role="group" aria-label="Who answers">
          {chatForm.samplers.map((name) => (
            <button
              key={name}
              type="button"
              id={`by-${name}`}
              aria-pressed={name === chatForm.sampler.value}
              onClick={() => {
                chatForm.sampler.value = name;
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
        <details
          onInvalidCapture={({ currentTarget }) => {
            currentTarget.open = true;
          }}
        >
          <summary>Settings</summary>
          <div class="fields">
            <SystemMessage />
            {[...chatForm.shownFields.value, ...chatForm.commonFields].map((field) => (
              <FieldControl key={field.name} field={field} form={chatForm} />
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

function SystemMessage() {
  return (
    <div class="field wide">
      <label for="system">
        System message <small>what the model is told before the conversation</small>
      </label>
      <textarea
        id="system"
        rows={1}
        value={systemMessage.value}
        onInput={({ currentTarget }) => {
          systemMessage.value = currentTarget.value;
        }}
      />
    </div>
  );
}
