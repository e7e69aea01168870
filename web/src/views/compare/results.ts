import { signal } from "@preact/signals";
import { fieldControls, findReport, samplerChoices, usualValues } from "../../../../src/client/client.ts";
import type { CompleteRequest, CompletionResponse } from "../../../../src/client/client.ts";
import { client, model } from "../../state/connection.ts";
import { contenders } from "../../state/contenders.ts";
import type { Contender } from "../../state/contenders.ts";
import { isolated } from "../../state/isolated.ts";
import { ComparedError } from "../../state/problem.ts";
import { currentQuestion } from "../../state/question.ts";
import type { Question } from "../../state/question.ts";
import { commonRequest, form } from "../../state/settings.ts";

export interface Result {
  readonly question: Question;
  readonly choice: CompletionResponse["choices"][number];
  readonly milliseconds: number;
  /** Runs of the model, for all the answers that it was chosen among. */
  readonly evaluated: number;
  /** Whether it was chosen among several, of which it tells its own tokens alone. */
  readonly isChosen: boolean;
}

/** What each has answered, by its id. */
export const results = signal<ReadonlyMap<number, Result>>(new Map());

const choiceOf = ({ settings: { sampler } }: Contender) =>
  samplerChoices.find(({ name }) => name === sampler)!;

export function labelOf(contender: Contender): string {
  const { label } = choiceOf(contender);
  const { best_of: answers } = contender.settings;
  return answers === undefined ? label : `Best of ${answers}: ${label.toLowerCase()}`;
}

/** What it is for, as a sentence. */
export function purposeOf(contender: Contender): string {
  const { label, summary } = choiceOf(contender);
  const { best_of: answers } = contender.settings;
  return answers === undefined
    ? `${summary[0]!.toUpperCase()}${summary.slice(1)}.`
    : `Draws ${answers} answers by ${label.toLowerCase()}, and takes the one that the model finds likeliest.`;
}

/** How it is set, in words, its defaults too. */
export function wordsOf({ settings: { sampler, best_of: _, ...fields } }: Contender): string {
  const usual =
    model.value === undefined
      ? {}
      : usualValues(sampler, { ...form.common(), ...fields }, model.value.defaults);
  const values: Readonly<Record<string, unknown>> = { ...usual, ...fields };
  return fieldControls
    .filter(({ name, users }) => users.includes(sampler) && values[name] !== undefined)
    .map(({ name, label }) => `${label.toLowerCase()} ${String(values[name]).replaceAll("_", " ")}`)
    .join(" · ");
}

/** What it is asked. */
export const requestOf = ({ settings }: Contender): CompleteRequest => ({
  ...commonRequest(),
  ...settings,
  ...isolated(settings.sampler),
});

/** @throws ComparedError naming the one that failed; what the others have answered stays */
export async function compare(signal: AbortSignal): Promise<void> {
  const former = results.value;
  const question = currentQuestion();
  const requests = contenders.value.map((contender) => ({ contender, request: requestOf(contender) }));
  results.value = new Map();
  // One after the other, so that each time is its own.
  for (const { contender, request } of requests) {
    const start = performance.now();
    try {
      const { choices, selected } = await client.value.complete(
        { ...request, logprobs: 5, entropy: true },
        { signal },
      );
      const milliseconds = performance.now() - start;
      const choice = choices[0]!;
      const evaluated = selected?.[0]?.evaluated_tokens ?? findReport(choice)?.body.evaluated_tokens ?? 0;
      const isChosen = selected !== undefined;
      const result = { question, choice, milliseconds, evaluated, isChosen };
      results.value = new Map([...results.value, [contender.id, result]]);
    } catch (error) {
      // Where nothing came of it, the last answers stay.
      if (results.value.size === 0) results.value = former;
      throw new ComparedError(labelOf(contender), error);
    }
  }
}
