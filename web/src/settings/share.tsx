import { useSignal } from "@preact/signals";
import { baseUrl, model, wantsKey } from "../state/connection.ts";
import { asCode, languages } from "./request-as-code.ts";
import type { Asked } from "./request-as-code.ts";

/** A form of what is shared, by its name. */
export type SharedForms = Readonly<Record<string, () => string>>;

/** Requests as programs that send them to this server. */
export const programs = (asked: () => Asked): SharedForms =>
  Object.fromEntries(
    languages.map((language) => [
      language,
      () =>
        asCode(language, asked(), {
          baseUrl,
          model: model.value?.id ?? "model",
          wantsKey: wantsKey.value,
        }),
    ]),
  );

/** What was set or asked, to take along in one of several forms. */
export function Share({ forms }: { readonly forms: SharedForms }) {
  const isOpen = useSignal(false);
  const names = Object.keys(forms);
  return (
    <details
      class="share"
      id="share"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>Copy as {names.join(", ")}</summary>
      {isOpen.value && <Shared forms={forms} />}
    </details>
  );
}

function Shared({ forms }: { readonly forms: SharedForms }) {
  const names = Object.keys(forms);
  const chosen = useSignal(names[0]!);
  /** What was copied last: it is said until something else stands there. */
  const copied = useSignal("");
  const text = forms[chosen.value]!();
  return (
    <>
      <div class="choices" role="group" aria-label="Copy as">
        {names.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === chosen.value}
            onClick={() => {
              chosen.value = name;
            }}
          >
            {name}
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
          void copy(text).then((isDone) => {
            if (isDone) copied.value = text;
          });
        }}
      >
        {copied.value === text ? "Copied" : "Copy"}
      </button>
    </>
  );
}

/** Pages that came over plain HTTP from another host have no clipboard of their own: there the text is selected. */
async function copy(text: string): Promise<boolean> {
  // Browsers may ask the reader first, who may have gone to another view by then.
  const shown = document.getElementById("shared")!;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}
