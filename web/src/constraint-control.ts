import { constraintChoices } from "../../src/client/client.ts";
import type { CompleteRequest, ConstraintChoice } from "../../src/client/client.ts";
import { byId, element } from "./dom.ts";

/** A text area for what is written of a constraint, where something is. */
interface Text {
  readonly choice: ConstraintChoice;
  readonly input: HTMLTextAreaElement;
  readonly container: HTMLElement;
}

/** What answers are held to. Each choice has a text of its own, so that looking at another loses none. */
export class ConstraintControl {
  readonly #select = byId<HTMLSelectElement>("structured_outputs");
  readonly #texts = constraintChoices.flatMap(makeText);

  constructor() {
    this.#select.append(...constraintChoices.map(({ field, label }) => new Option(label, field)));
    byId("constraint").append(...this.#texts.map(({ container }) => container));
    this.#select.addEventListener("change", () => {
      this.#showText();
    });
    this.#showText();
  }

  get fields(): Pick<CompleteRequest, "structured_outputs"> {
    const chosen = constraintChoices.find(({ field }) => field === this.#select.value);
    if (chosen === undefined) return {};
    const text = this.#texts.find(({ choice }) => choice === chosen)?.input.value ?? "";
    return { structured_outputs: chosen.read(text) };
  }

  #showText(): void {
    for (const { choice, input, container } of this.#texts) {
      const isShown = choice.field === this.#select.value;
      container.hidden = !isShown;
      // The form asks for what is written only where it is shown.
      input.disabled = !isShown;
    }
  }
}

function makeText(choice: ConstraintChoice): Text[] {
  const { field, meaning, example } = choice;
  if (example === undefined) return [];
  const input = element("textarea");
  Object.assign(input, { id: field, rows: 3, spellcheck: false, required: true, placeholder: example });
  const caption = element("label", "", ...withCode(meaning));
  caption.htmlFor = field;
  return [{ choice, input, container: element("div", "field", caption, input) }];
}

/** A sentence as a caption, what stands between backticks as code. */
const withCode = (sentence: string): (Node | string)[] =>
  sentence
    .replace(/\.$/, "")
    .split("`")
    .map((part, index) => (index % 2 === 0 ? part : element("code", "", part)));
