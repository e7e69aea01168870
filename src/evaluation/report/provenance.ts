import type { Group } from "../groups.ts";
import type { Evaluation } from "../stored-results.ts";

/** What was asked of which model, with what, and when: names with their values. */
export function factsOf(
  groups: readonly Group[],
  evaluation: Evaluation,
  { data, base }: { readonly data: string; readonly base: string | undefined },
): readonly (readonly [name: string, value: string])[] {
  const { data: _, base: __, grader, ...settings } = evaluation;
  const results = groups.flatMap((group) => group.results);
  const models = [
    ...new Set(results.map(({ model, source }) => (model === source ? model : `${model} (${source})`))),
  ];
  const days = results.flatMap(({ at }) => at?.slice(0, 10) ?? []).sort();
  const versions = [...new Set(results.flatMap(({ version }) => version ?? []))].sort();
  return [
    [models.length === 1 ? "model" : "models", models.join("; ")],
    ["data", `${data}, ${groups[0]?.results.length ?? 0} questions`],
    ["settings", settingsOf(settings)],
    ...(typeof grader === "string" ? [["graded by", `what a question names, else ${grader}`] as const] : []),
    ...(base === undefined ? [] : [["scored under", base] as const]),
    [
      "asked by",
      versions.length === 0 ? "a version that was not noted" : `Metropolis ${versions.join(", ")}`,
    ],
    [
      "answered",
      days.length === 0 ? "when was not noted" : [...new Set([days[0]!, days.at(-1)!])].join(" to "),
    ],
  ];
}

/** As the command has them; what was left out is the model's own. */
const settingsOf = (settings: Evaluation): string =>
  Object.entries(settings)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
