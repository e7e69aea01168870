import type { CompleteRequest } from "../../src/client/client.ts";
import { byId } from "./dom.ts";

export type Sampler = NonNullable<CompleteRequest["sampler"]>;

/** Number fields, by the request field they are named after. */
const numberFields = [
  "alpha",
  "mcmc_steps",
  "block_size",
  "proposal_temperature",
  "particles",
  "temperature",
  "max_tokens",
  "seed",
] as const;

/** The form beside the views: what a request says. */
export class SettingsForm {
  readonly #form = byId<HTMLFormElement>("settings");

  constructor() {
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
    const numbers = numberFields
      .map((name): [string, HTMLInputElement] => [name, byId<HTMLInputElement>(name)])
      .filter(([, field]) => field.value !== "" && means(field, sampler))
      .map(([name, field]): [string, number] => [name, field.valueAsNumber]);
    return {
      prompt: byId<HTMLTextAreaElement>("prompt").value,
      sampler,
      ...(Object.fromEntries(numbers) as Partial<CompleteRequest>),
    };
  }

  #showFields(): void {
    for (const name of numberFields) {
      const field = byId<HTMLInputElement>(name);
      const isShown = means(field, this.sampler);
      const container = field.closest<HTMLElement>("[data-samplers]");
      if (container !== null) container.hidden = !isShown;
      field.disabled = !isShown;
    }
  }
}

function means(field: HTMLElement, sampler: Sampler): boolean {
  const samplers = field.closest<HTMLElement>("[data-samplers]")?.dataset.samplers;
  return samplers === undefined || samplers.split(" ").includes(sampler);
}
