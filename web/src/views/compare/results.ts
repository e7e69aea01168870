import { signal } from "@preact/signals";
import { fieldControls, findReport, samplerChoices, usualValues } from "../../../../src/client/client.ts";
import type { CompletionResponse } from "../../../../src/client/client.ts";
import { client, model } from "../../state/connection.ts";
import { contenders } from "../../state/contenders.ts";
import type { Contender } from "../../state/contenders.ts";
import { isolated } from "../../state/isolated.ts";
import { ComparedError } from "../../state/problem.ts";
import { commonRequest, form } from "../../state/settings.ts";

export interface Result {
  readonly choice: CompletionResponse["choices"][number];
  readonly milliseconds: number;
}

/** What each has answered, by its id. */
export const results = signal<ReadonlyMap<number, Result>>(new Map());

export const labelOf = ({ settings: { sampler } }: Contender): string =>
  samplerChoices.find(({ name }) => name === sampler)!.label;

/** How it is set, in words, its defaults too. */
export function wordsOf({ settings: { sampler, ...fields } }: Contender): string {
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

export const evaluatedBy = ({ choice }: Result): number => findReport(choice)?.body.evaluated_tokens ?? 0;

/** @throws ComparedError naming the one that failed; what the others have answered stays */
export async function compare(signal: AbortSignal): Promise<void> {
  const former = results.value;
  const common = commonRequest();
  results.value = new Map();
  // One after the other, so that each time is its own.
  for (const contender of contenders.value) {
    const { id, settings } = contender;
    const start = performance.now();
    try {
      const { choices } = await client.value.complete(
        { ...common, ...settings, ...isolated(settings.sampler), logprobs: 5, entropy: true },
        { signal },
      );
      const result = { choice: choices[0]!, milliseconds: performance.now() - start };
      results.value = new Map([...results.value, [id, result]]);
    } catch (error) {
      // Where nothing came of it, the last answers stay.
      if (results.value.size === 0) results.value = former;
      throw new ComparedError(labelOf(contender), error);
    }
  }
}
