import { signal } from "@preact/signals";
import { fieldControls, samplerChoices } from "../../../src/client/client.ts";
import { isWritable, mostAnswers } from "./sampler-form.ts";
import type { Sampler, SamplerSettings } from "./sampler-form.ts";

/** A sampler with its settings, and of how many of its answers the likeliest is taken: one when left out. */
export type ContenderSettings = SamplerSettings & { readonly best_of?: number };

/** What is compared with others. */
export interface Contender {
  readonly id: number;
  readonly settings: ContenderSettings;
}

const bestOfField = {
  name: "best_of",
  value: { type: "number", least: 2, most: mostAnswers, isInteger: true },
} as const;

/** More would not be looked at, and a link could ask for any number of them. */
export const mostContenders = 24;

const usual: readonly Sampler[] = ["greedy", "low_temperature", "standard", "power"];

let nextId = 0;
const contender = (settings: ContenderSettings): Contender => ({ id: nextId++, settings });

export const contenders = signal<readonly Contender[]>([]);

export function add(settings: ContenderSettings): void {
  contenders.value = [...contenders.value, contender(settings)];
}

export function remove(id: number): void {
  contenders.value = contenders.value.filter((other) => other.id !== id);
}

const asText = ({ sampler, ...fields }: ContenderSettings): string =>
  [sampler, ...Object.entries<unknown>(fields).map((entry) => entry.join("="))].join(",");

const usualText = usual.join(";");

/** All of them as a line, `greedy;power,alpha=2`; undefined where they are the usual ones. */
export function contendersText(): string | undefined {
  const text = contenders.value.map(({ settings }) => asText(settings)).join(";");
  return text === usualText ? undefined : text;
}

/** Those of a line that somebody else may have written: what means nothing in it is left out. */
export function readContenders(text = usualText): void {
  contenders.value = text
    .split(";", mostContenders)
    .flatMap((part) => settingsIn(part) ?? [])
    .map(contender);
}

function settingsIn(text: string): ContenderSettings | undefined {
  const [name, ...entries] = text.split(",");
  const sampler = samplerChoices.find((choice) => choice.name === name)?.name;
  if (sampler === undefined) return undefined;
  const own = [...fieldControls.filter(({ users }) => users.includes(sampler)), bestOfField];
  const fields = entries.flatMap((entry) => {
    const [key, value = ""] = entry.split("=", 2);
    const field = own.find((control) => control.name === key);
    if (field === undefined || !isWritable(field, value)) return [];
    return [[field.name, field.value.type === "number" ? Number(value) : value]];
  });
  return { sampler, ...(Object.fromEntries(fields) as Partial<ContenderSettings>) };
}
