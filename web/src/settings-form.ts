import { fieldControls, samplerChoices } from "../../src/client/client.ts";
import type { CompleteRequest, FieldControl } from "../../src/client/client.ts";
import { ConstraintControl } from "./constraint-control.ts";
import { byId, element } from "./dom.ts";

export type Sampler = NonNullable<CompleteRequest["sampler"]>;

/** A field of some samplers with its control. */
interface Control {
  readonly field: FieldControl;
  readonly input: HTMLInputElement | HTMLSelectElement;
  readonly container: HTMLElement;
}

/** Number fields that all samplers have. */
const commonFields = ["max_tokens", "seed"] as const;

/** The form beside the views: what a request says. */
export class SettingsForm {
  readonly #form = byId<HTMLFormElement>("settings");
  readonly #controls = fieldControls.map(makeControl);
  readonly #constraint = new ConstraintControl();

  constructor() {
    byId("samplers").append(...samplerChoices.map(makeChoice));
    byId("fields").prepend(...this.#controls.map(({ container }) => container));
    this.#form.addEventListener("change", () => {
      this.#showFields();
    });
    byId("reseed").addEventListener("click", () => {
      byId<HTMLInputElement>("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
    });
    this.#showFields();
  }

  get sampler(): Sampler {
    return new FormData(this.#form).get("sampler") as Sampler;
  }

  /** Writes the model's own example where nothing has been written yet. */
  suggest(prompt: string | null): void {
    const field = byId<HTMLTextAreaElement>("prompt");
    if (field.value === "") field.value = prompt ?? "Once upon a time";
  }

  /** The request by one sampler: fields that mean nothing to it are left out, empty ones are the model's to choose. */
  request(sampler: Sampler = this.sampler): CompleteRequest {
    const own = this.#controls
      .filter(({ field: { users } }) => users.includes(sampler))
      .map(({ field: { name, value }, input }) => [name, value.type, input.value] as const);
    const common = commonFields.map((name) => [name, "number", byId<HTMLInputElement>(name).value] as const);
    const given = [...own, ...common].filter(([, , text]) => text !== "");
    return {
      prompt: byId<HTMLTextAreaElement>("prompt").value,
      sampler,
      ...(Object.fromEntries(
        given.map(([name, type, text]) => [name, type === "number" ? Number(text) : text]),
      ) as Partial<CompleteRequest>),
      ...this.#constraint.fields,
    };
  }

  #showFields(): void {
    for (const { field, input, container } of this.#controls) {
      const isShown = field.users.includes(this.sampler);
      container.hidden = !isShown;
      input.disabled = !isShown;
    }
  }
}

function makeChoice({ name, label, summary }: (typeof samplerChoices)[number], index: number): HTMLElement {
  const input = element("input");
  Object.assign(input, { type: "radio", name: "sampler", value: name, checked: index === 0 });
  const choice = element("label", "", input, element("span", "", label));
  choice.title = summary;
  return choice;
}

function makeControl(field: FieldControl): Control {
  const { name, label, meaning, usual, value } = field;
  // The first of several cases is the usual one.
  const hint = usual.split(/[,;]/)[0]!;
  const input = value.type === "number" ? numberInput(value, hint) : wordInput(value.words, hint);
  input.id = name;
  const caption = element("label", "", label);
  caption.htmlFor = name;
  caption.title = `${meaning} Default: ${usual}.`;
  return { field, input, container: element("div", "field", caption, input) };
}

function numberInput(
  { least, most, isInteger }: FieldControl["value"] & { type: "number" },
  placeholder: string,
): HTMLInputElement {
  const input = element("input");
  Object.assign(input, { type: "number", placeholder, step: isInteger ? "1" : "any" });
  if (Number.isFinite(least)) input.min = String(least);
  if (Number.isFinite(most)) input.max = String(most);
  return input;
}

/** A choice that can be left open. */
function wordInput(words: readonly string[], usual: string): HTMLSelectElement {
  const open = new Option(usual, "");
  return element(
    "select",
    "",
    open,
    ...words.filter((word) => word !== usual).map((word) => new Option(word)),
  );
}
