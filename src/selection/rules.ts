/** How one of several completions of a prompt is chosen. */
export const selectRules = ["logprob", "mean_logprob", "self_certainty", "entropy", "vote"] as const;
export type SelectRule = (typeof selectRules)[number];

/** How an answer is found in a text, by name. */
export const answerRuleNames = ["last_number", "boxed", "choice", "json", "text"] as const;
export type AnswerRuleName = (typeof answerRuleNames)[number];

/** `regex`: the first group of the first match, or the match where the pattern has no group. */
export type AnswerRule = AnswerRuleName | { readonly type: "regex"; readonly pattern: string };
