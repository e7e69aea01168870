import { computed, signal } from "@preact/signals";
import { usualValues } from "../../../../src/client/client.ts";
import type { ChatRequest } from "../../../../src/client/client.ts";
import { model } from "../../state/connection.ts";

export const samplers = ["power", "standard"] as const;
export type ChatSampler = (typeof samplers)[number];

/** Who answers the next turn. */
export const sampler = signal<ChatSampler>("power");

export interface ChatField {
  /** By the API. */
  readonly name: "alpha" | "mcmc_steps" | "max_tokens" | "n";
  readonly label: string;
  readonly meaning: string;
  readonly step: number | "any";
  /** Whether power alone takes it. */
  readonly isPowers: boolean;
}

export const chatFields: readonly ChatField[] = [
  {
    name: "alpha",
    label: "Alpha",
    meaning: "How much likelier answers are preferred: power samples p to this power.",
    step: "any",
    isPowers: true,
  },
  {
    name: "mcmc_steps",
    label: "Steps per block",
    meaning: "How often a part of the answer is proposed anew, block by block.",
    step: 1,
    isPowers: true,
  },
  {
    name: "max_tokens",
    label: "Max tokens",
    meaning: "Most tokens of an answer.",
    step: 1,
    isPowers: false,
  },
  {
    name: "n",
    label: "Answers at once",
    meaning: "Answers that are drawn side by side: whether they agree tells how sure the model is.",
    step: 1,
    isPowers: false,
  },
];

/** What is written in them, by their names; the page's choice, or the model's, where nothing is. */
export const written = signal<Readonly<Partial<Record<ChatField["name"], string>>>>({});

/** Enough for a paragraph or two: a chat that says nothing runs to the end of the context. */
const usualMaxTokens = 160;

const given = computed(() =>
  Object.fromEntries(
    Object.entries(written.value)
      .filter(([, text]) => text !== "")
      .map(([name, text]) => [name, Number(text)]),
  ),
);

/** What a field comes to where nothing is written in it. */
export function usualOf(name: ChatField["name"]): number | undefined {
  if (name === "max_tokens") return usualMaxTokens;
  if (name === "n") return 1;
  if (model.value === undefined) return undefined;
  const maxTokens = given.value.max_tokens ?? usualMaxTokens;
  return Number(usualValues("power", { max_tokens: maxTokens }, model.value.defaults)[name]);
}

export const shownFields = computed(() =>
  chatFields.filter(({ isPowers }) => !isPowers || sampler.value === "power"),
);

/** The settings of a request for the next answer. */
export function settings(): Partial<ChatRequest> & { readonly sampler: ChatSampler; readonly n: number } {
  const own = shownFields.value
    .map(({ name }) => [name, given.value[name]] as const)
    .filter(([, value]) => value !== undefined);
  return { max_tokens: usualMaxTokens, n: 1, ...Object.fromEntries(own), sampler: sampler.value };
}
