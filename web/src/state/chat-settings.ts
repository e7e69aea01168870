import { signal } from "@preact/signals";
import { maxTokensField, mostAnswers, SamplerForm } from "./sampler-form.ts";

/** What the next turn is answered by. */
export const chatForm = new SamplerForm(
  [
    // Enough for a paragraph or two: a chat that says nothing runs to the end of the context.
    { ...maxTokensField, fallback: 160 },
    {
      name: "n",
      label: "Answers at once",
      meaning: "Answers that are drawn side by side: whether they agree tells how sure the model is.",
      usual: "",
      under: undefined,
      value: { type: "number", least: 1, most: mostAnswers, isInteger: true },
      fallback: 1,
    },
  ],
  ["power", "standard"],
);

/** What the model is told before the conversation; nothing where empty. */
export const systemMessage = signal("");
