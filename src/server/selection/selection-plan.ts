import { beyondEngine } from "../../core/errors.ts";
import type { ModelInfo } from "../../decoder/completer.ts";
import { samplers } from "../../samplers/registry.ts";
import type { SamplerSettings } from "../../samplers/registry.ts";
import { answerReader } from "../../selection/answers/answer-reader.ts";
import type { AnswerReader } from "../../selection/answers/answer-reader.ts";
import { PatternError } from "../../selection/answers/pattern.ts";
import { answerRuleNames } from "../../selection/rules.ts";
import type { AnswerRule, SelectRule } from "../../selection/rules.ts";
import type { Given } from "../given.ts";
import { invalid } from "../invalid.ts";
import type { GenerationFields } from "../schemas/fields.ts";

/** How the answers of a prompt are chosen among its candidates. */
export type Selection =
  | { readonly rule: Exclude<SelectRule, "vote"> }
  | {
      readonly rule: "vote";
      readonly readAnswer: AnswerReader;
      /** See `mayStop`; all candidates are drawn where it is left out. */
      readonly confidence: number | undefined;
    };

interface SelectionContext {
  readonly candidates: number;
  readonly n: number;
  readonly settings: SamplerSettings;
  readonly capabilities: ModelInfo["capabilities"];
}

/**
 * @returns `undefined` where every candidate is an answer
 * @throws InferenceError naming the field at fault
 */
export function planSelection(
  body: Given<Pick<GenerationFields, "select" | "select_answer" | "vote_confidence">>,
  { candidates, n, settings, capabilities }: SelectionContext,
): Selection | undefined {
  const { select, select_answer: answerRule, vote_confidence: confidence } = body;
  if (select !== "vote") {
    for (const name of ["select_answer", "vote_confidence"] as const) {
      if (body[name] !== undefined)
        throw invalid(name, `${name} is only allowed together with select: "vote".`);
    }
  }
  if (candidates === n) {
    if (select === undefined) return undefined;
    throw invalid("select", `select chooses among candidates: set best_of to more than n, which is ${n}.`);
  }
  if (select !== undefined && drawsTheSame(settings)) {
    throw invalid(
      "select",
      "select has nothing to choose: drawn greedily, all candidates are the same. Leave it out, or use a sampler that draws.",
    );
  }
  checkCapabilities(select, capabilities);
  if (select !== "vote") return { rule: select ?? "logprob" };
  if (n > 1)
    throw invalid("n", `n: a vote has one winner, and so n is 1, not ${n}. All answers stand in votes.`);
  if (answerRule === undefined) {
    throw invalid(
      "select_answer",
      `select_answer is missing: say how an answer is read, by ${answerRuleNames.join(", ")} or {"type": "regex", "pattern": "…"}.`,
    );
  }
  if (confidence !== undefined && confidence < 1 && areRanked(settings)) {
    throw invalid(
      "vote_confidence",
      `vote_confidence below 1 takes candidates for independent draws, which those of sampler '${settings.sampler}' are not. Leave it out, or set it to 1.`,
    );
  }
  return { rule: select, readAnswer: readerOf(answerRule), confidence };
}

/** Whether every candidate is the same, whatever its seed. */
export const drawsTheSame = (settings: SamplerSettings): boolean =>
  (samplers[settings.sampler].ignoresSeed === true && !areRanked(settings)) ||
  (settings.sampler === "standard" && (settings.temperature === 0 || settings.topK === 1));

const areRanked = ({ sampler }: SamplerSettings): boolean => samplers[sampler].ranksChoices === true;

function checkCapabilities(
  select: SelectRule | undefined,
  { selfCertainty, entropy }: ModelInfo["capabilities"],
): void {
  if (select === "self_certainty" && !selfCertainty)
    throw beyondEngine("select", "tell how far its distributions are from the uniform one");
  if (select === "entropy" && entropy !== "exact")
    throw beyondEngine("select", "tell the entropy of its distributions exactly");
}

function readerOf(rule: AnswerRule): AnswerReader {
  try {
    return answerReader(rule);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw invalid(
      "select_answer",
      `select_answer: the pattern is not taken: ${error.message}. It is read as RE2 reads it: no lookarounds, no references back.`,
    );
  }
}
