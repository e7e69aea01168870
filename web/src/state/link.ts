import { effect } from "@preact/signals";
import { constraintChoices, fieldControls, samplerChoices } from "../../../src/client/client.ts";
import { cancel } from "./run.ts";
import {
  constraint,
  prompt,
  sampler,
  shownFields,
  usualSeed,
  write,
  written,
  writtenPrompt,
} from "./settings.ts";
import { isViewName, shownView } from "./shown-view.ts";

const pauseMs = 200;

/**
 * The page's address with the view and all that was set, so that it opens elsewhere as it is here:
 * `#steps?prompt=1%2B1%3D&sampler=exact`. Defaults are left out, and the key.
 */
function fragment(prompt: string | undefined): string {
  const fields = new URLSearchParams();
  if (prompt !== undefined) fields.set("prompt", prompt);
  if (sampler.value !== samplerChoices[0]!.name) fields.set("sampler", sampler.value);
  const names = [...shownFields.value.map(({ name }) => name), "max_tokens", "seed"];
  for (const name of names) {
    const text = written.value[name] ?? "";
    if (text !== "" && !(name === "seed" && text === usualSeed)) fields.set(name, text);
  }
  if (constraint.value !== "") fields.set(constraint.value, written.value[constraint.value] ?? "");
  const query = fields.toString();
  const view = shownView.value;
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
  sampler.value = (named ?? samplerChoices[0]!).name;
  written.value = { seed: usualSeed };
  for (const name of [...fieldControls.map((field) => field.name), "max_tokens", "seed"]) {
    const text = fields.get(name);
    if (text !== null) write(name, text);
  }
  const held = constraintChoices.find(({ field }) => fields.has(field));
  constraint.value = held?.field ?? "";
  if (held !== undefined) write(held.field, fields.get(held.field)!);
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
