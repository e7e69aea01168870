import { effect } from "@preact/signals";
import { constraintChoices, fieldControls, samplerChoices } from "../../../src/client/client.ts";
import { contendersText, readContenders } from "./contenders.ts";
import { cancel } from "./run.ts";
import { isWritable, maxTokensField } from "./sampler-form.ts";
import { constraint, form, prompt, seedField, usualSeed, writtenPrompt } from "./settings.ts";
import { isViewName, shownView } from "./shown-view.ts";

const pauseMs = 200;

const commonFields = [maxTokensField, seedField];

/**
 * The page's address with the view and all that was set, so that it opens elsewhere as it is here:
 * `#steps?prompt=1%2B1%3D&sampler=exact`. Defaults are left out, and the key.
 */
function fragment(prompt: string | undefined): string {
  const fields = new URLSearchParams();
  if (prompt !== undefined) fields.set("prompt", prompt);
  if (form.sampler.value !== samplerChoices[0]!.name) fields.set("sampler", form.sampler.value);
  for (const { name } of [...form.shownFields.value, ...commonFields]) {
    const text = form.textOf(name);
    if (text !== "" && !(name === seedField.name && text === usualSeed)) fields.set(name, text);
  }
  if (constraint.value !== "") fields.set(constraint.value, form.textOf(constraint.value));
  const view = shownView.value;
  const compared = view === "compare" ? contendersText() : undefined;
  if (compared !== undefined) fields.set("compare", compared);
  const query = fields.toString();
  if (query === "") return view === "guide" ? "" : `#${view}`;
  return `#${view}?${query}`;
}

/** With the prompt in any case: another model brings another example. */
export const linkHere = (): string => new URL(fragment(prompt.value), document.baseURI).href;

/** What the address leaves out is at its default, whatever stood in the form before. */
function readFragment(): void {
  const [view = "", query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  if (isViewName(view)) shownView.value = view;
  const fields = new URLSearchParams(query);
  writtenPrompt.value = fields.get("prompt") ?? undefined;
  const named = samplerChoices.find(({ name }) => name === fields.get("sampler"));
  form.sampler.value = (named ?? samplerChoices[0]!).name;
  form.written.value = { [seedField.name]: usualSeed };
  for (const field of [...fieldControls, ...commonFields]) {
    const text = fields.get(field.name);
    if (text !== null && isWritable(field, text)) form.write(field.name, text);
  }
  const held = constraintChoices.find(({ field }) => fields.has(field));
  constraint.value = held?.field ?? "";
  if (held !== undefined) form.write(held.field, fields.get(held.field)!);
  readContenders(fields.get("compare") ?? undefined);
}

/** Reads the address that the page was opened by, then keeps it true. */
export function startLink(): void {
  readFragment();
  addEventListener("hashchange", () => {
    cancel();
    readFragment();
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const next = fragment(writtenPrompt.value);
    clearTimeout(timer);
    // Browsers bound how often an address may change.
    timer = setTimeout(() => {
      if (location.hash !== next) history.replaceState(null, "", next || location.pathname + location.search);
    }, pauseMs);
  });
}
