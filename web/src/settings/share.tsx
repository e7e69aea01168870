import { signal } from "@preact/signals";
import { baseUrl, model, wantsKey } from "../state/connection.ts";
import { linkHere } from "../state/link.ts";
import { request } from "../state/settings.ts";
import { asCode, languages } from "./request-as-code.ts";
import type { Language } from "./request-as-code.ts";

type Form = "Link" | Language;
const forms: readonly Form[] = ["Link", ...languages];

const chosen = signal<Form>("Link");
const isOpen = signal(false);
/** What was copied last: it is said until something else stands there. */
const copied = signal("");

function sharedText(form: Form): string {
  if (form === "Link") return linkHere();
  return asCode(form, request(), { baseUrl, model: model.value?.id ?? "model", wantsKey: wantsKey.value });
}

/** What the form says, to take along: a link, or a program. */
export function Share() {
  return (
    <details
      class="share"
      id="share"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>Copy as link, curl, Python, TypeScript</summary>
      {isOpen.value && <Shared />}
    </details>
  );
}

function Shared() {
  const text = sharedText(chosen.value);
  return (
    <>
      <div class="choices" role="group" aria-label="Copy as">
        {forms.map((form) => (
          <button
            key={form}
            type="button"
            aria-pressed={form === chosen.value}
            onClick={() => {
              chosen.value = form;
            }}
          >
            {form}
          </button>
        ))}
      </div>
      <pre id="shared" tabIndex={0} aria-label={`The request as ${chosen.value}`}>
        {text}
      </pre>
      <button
        type="button"
        id="copy"
        onClick={() => {
          void copy(text);
        }}
      >
        {copied.value === text ? "Copied" : "Copy"}
      </button>
    </>
  );
}

/** Pages that came over plain HTTP from another host have no clipboard of their own: there the text is selected. */
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    copied.value = text;
  } catch {
    getSelection()?.selectAllChildren(document.getElementById("shared")!);
  }
}
