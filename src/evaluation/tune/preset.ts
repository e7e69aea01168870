import type { Setting } from "../../samplers/option-fields.ts";
import type { AnswerRule } from "../../selection/rules.ts";
import type { DataItem } from "../data-set.ts";
import type { Way } from "./ways.ts";

/** The fields of a request that answers so. */
export type WayFields = Readonly<Record<string, Setting | Exclude<AnswerRule, string>>>;

/** How a server reads an answer where a grader does; undefined where the questions' graders differ in that. */
export function answerRuleOf(items: readonly Pick<DataItem, "grader">[]): AnswerRule | undefined {
  const rules = items.map(({ grader: { type } }): AnswerRule => {
    switch (type) {
      case "last_number":
      case "boxed":
      case "choice":
        return type;
      case "abacus":
      case "pivot":
        return { type: "regex", pattern: String.raw`#(-?\d+)\s*$` };
      default:
        return "text";
    }
  });
  const [first] = rules;
  return rules.every((rule) => JSON.stringify(rule) === JSON.stringify(first)) ? first : undefined;
}

export const fieldsOf = (
  { configuration, rule, k }: Pick<Way, "configuration" | "rule" | "k">,
  answerRule: AnswerRule | undefined,
): WayFields => ({
  ...configuration.fields,
  ...(rule === "single" ? {} : { best_of: k, select: rule }),
  ...(rule === "vote" && answerRule !== undefined ? { select_answer: answerRule } : {}),
});

export interface ModelDefaults {
  /** What the section of a model's files has a place for. */
  readonly section: Readonly<Record<string, Setting>>;
  /** What it has none for, by name. */
  readonly left: readonly string[];
}

/** What of a way can be a model's defaults: the exponent, and the steps and blocks of chains that are warmed up by blocks. */
export function defaultsOf(fields: WayFields): ModelDefaults {
  const isByBlocks = fields.sampler === "power" && fields.warm_up === "blocks";
  const hasPlace = (name: string): boolean =>
    name === "alpha" || (isByBlocks && (name === "mcmc_steps" || name === "block_size"));
  // A model with steps of its own is warmed up by blocks.
  const isMeant = (name: string): boolean => name === "warm_up" && isByBlocks && "mcmc_steps" in fields;
  const entries = Object.entries(fields);
  return {
    section: Object.fromEntries(entries.filter(([name]) => hasPlace(name))) as ModelDefaults["section"],
    left: entries.filter(([name]) => !hasPlace(name) && !isMeant(name)).map(([name]) => name),
  };
}
