import { Option } from "commander";
import type { CompleteRequest } from "../client/client.ts";
import { answerRuleNames, selectRules } from "../selection/rules.ts";
import { argument, integerFrom } from "./options.ts";

type Selection = Pick<
  CompleteRequest,
  "best_of" | "select" | "select_answer" | "vote_confidence" | "self_certainty"
>;

/** How an answer is chosen among several, as the options say it. */
export interface SelectionSettings {
  readonly bestOf?: number;
  readonly select?: (typeof selectRules)[number];
  readonly selectAnswer?: string;
  readonly voteConfidence?: number;
  readonly selfCertainty?: boolean;
}

export const selectionOptions = (): readonly Option[] => [
  new Option("--best-of <n>", "draw so many completions, and show the one that is chosen").argParser(
    integerFrom(1),
  ),
  new Option("--select <rule>", "how it is chosen; the likeliest when left out").choices(selectRules),
  new Option(
    "--select-answer <rule|pattern>",
    `with --select vote: how an answer is read: ${answerRuleNames.join(", ")}, or a regular expression`,
  ),
  new Option(
    "--vote-confidence <share>",
    "with --select vote: draw no more than it takes to be so sure of the winner; 1 until nothing can change it",
  ).argParser(argument(Number)),
  new Option("--self-certainty", "tell how far the model's distributions were from uniform"),
];

/** The request's fields for the options. What goes with what is the server's to say. */
export function selectionOf({
  bestOf,
  select,
  selectAnswer,
  voteConfidence,
  selfCertainty,
}: SelectionSettings): Selection {
  const isRule = (text: string): text is (typeof answerRuleNames)[number] =>
    (answerRuleNames as readonly string[]).includes(text);
  return {
    best_of: bestOf,
    select,
    ...(selectAnswer !== undefined && {
      select_answer: isRule(selectAnswer) ? selectAnswer : { type: "regex", pattern: selectAnswer },
    }),
    vote_confidence: voteConfidence,
    self_certainty: selfCertainty,
  };
}
