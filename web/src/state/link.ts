import { effect } from "@preact/signals";
import { constraintChoices } from "../../../src/client/client.ts";
import { chatForm, systemMessage } from "./chat-settings.ts";
import { contendersText, readContenders } from "./contenders.ts";
import { keyControl, problem } from "./problem.ts";
import { cancel } from "./run.ts";
import { isWritable } from "./sampler-form.ts";
import { constraint, form, prompt, seedField, usualSeed, writtenPrompt } from "./settings.ts";
import { isViewName, shownView, usualView } from "./shown-view.ts";

const pauseMs = 200;

/** In front of what the chat has set, which has a form of its own. */
const ofChat = "chat.";

/**
 * The page's address with the view and all that was set, so that it opens elsewhere as it is here:
 * `#steps?prompt=1%2B1%3D&sampler=exact`. Defaults are left out, and the key; so is the conversation of a chat.
 */
function fragment(prompt: string | undefined): string {
  const fields = new URLSearchParams();
  if (prompt !== undefined) fields.set("prompt", prompt);
  for (const [name, text] of form.entries()) fields.set(name, text);
  const seed = form.textOf(seedField.name);
  if (seed !== "" && seed !== usualSeed) fields.set(seedField.name, seed);
  if (constraint.value !== "") fields.set(constraint.value, form.textOf(constraint.value));
  const view = shownView.value;
  const compared = view === "compare" ? contendersText() : undefined;
  if (compared !== undefined) fields.set("compare", compared);
  if (view === "chat") {
    for (const [name, text] of chatForm.entries()) fields.set(`${ofChat}${name}`, text);
    if (systemMessage.value !== "") fields.set(`${ofChat}system`, systemMessage.value);
  }
  const query = fields.toString();
  if (query === "") return view === usualView ? "" : `#${view}`;
  return `#${view}?${query}`;
}

/** With the prompt in any case: another model brings another example. */
export const linkHere = (): string => new URL(fragment(prompt.value), document.baseURI).href;

/** The address as it was last read or written here. */
let known = "";

/** What the address leaves out is at its default, whatever stood in the form before. */
function readFragment(): void {
  known = location.hash;
  const [view = "", query = ""] = known.slice(1).split(/\?(.*)/s);
  shownView.value = isViewName(view) ? view : usualView;
  const fields = new URLSearchParams(query);
  writtenPrompt.value = fields.get("prompt") ?? undefined;
  form.read((name) => fields.get(name));
  const seed = fields.get(seedField.name) ?? "";
  form.write(seedField.name, isWritable(seedField, seed) ? seed : usualSeed);
  const held = constraintChoices.find(({ field }) => fields.has(field));
  constraint.value = held?.field ?? "";
  if (held !== undefined) form.write(held.field, fields.get(held.field)!);
  readContenders(fields.get("compare") ?? undefined);
  chatForm.read((name) => fields.get(`${ofChat}${name}`));
  systemMessage.value = fields.get(`${ofChat}system`) ?? "";
}

/** Reads the address that the page was opened by, then keeps it true. */
export function startLink(): void {
  readFragment();
  addEventListener("hashchange", () => {
    cancel();
    // What was at fault in the settings before is none of these.
    if (problem.value?.control !== keyControl) problem.value = undefined;
    readFragment();
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const next = fragment(writtenPrompt.value);
    clearTimeout(timer);
    // Browsers bound how often an address may change.
    timer = setTimeout(() => {
      // Another link was opened, and the browser has yet to tell of it: that one is to be read, not written over.
      if (location.hash !== known || next === known) return;
      history.replaceState(null, "", next || location.pathname + location.search);
      known = location.hash;
    }, pauseMs);
  });
}
