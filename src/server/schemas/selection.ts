import { z } from "zod";
import { count, described } from "../../samplers/described.ts";
import { answerRuleNames, selectRules } from "../../selection/rules.ts";
import { body } from "./body.ts";

const mostCandidates = 128;

const answerRule = z.union(
  [
    z.enum(answerRuleNames),
    body({
      type: described(z.literal("regex"), "A regular expression.", "regex"),
      pattern: described(
        z.string().min(1, "pattern must not be empty"),
        "In RE2's syntax, 1000 characters at most: no lookarounds, no references back.",
        "#(-?[0-9]+)",
      ),
    }),
  ],
  {
    error: `select_answer must be one of ${answerRuleNames.join(", ")}, or {"type": "regex", "pattern": "…"}`,
  },
);

/** How the answers that are returned are chosen among several. The same fields at every generating endpoint. */
export const selectionFields = {
  best_of: described(
    z.number().int().min(1).max(mostCandidates).nullish(),
    "Generate this many completions per prompt, the candidates, and return the n best by `select`. What is chosen is no draw from the sampler's law. In a stream they come at the end. Default: n.",
    1,
  ),
  select: described(
    z.enum(selectRules, { error: `select must be one of ${selectRules.join(", ")}` }).nullish(),
    "How the best of best_of candidates are told: the largest `logprob`; the largest log-prob a token, `mean_logprob`; the largest `self_certainty` (arXiv 2502.18581); the smallest mean `entropy`; or a `vote` of their answers, which returns the likeliest completion of the most voted one. Ties go to the likelier. Default: `logprob`.",
    "logprob",
    "vote",
  ),
  select_answer: described(
    answerRule.nullish(),
    "With select `vote`, which needs it: how a completion's answer is read. `last_number`, compared by value; `boxed`: the last \\boxed{…}, by value or notation; `choice`: a letter from A to J; `json`, by value; `text`: all of it, but for case, white space and what ends it; `regex`: the first group of the pattern's first match, or the match (RE2's syntax).",
    "last_number",
  ),
  vote_confidence: described(
    z.number().min(0.5).max(1).nullish(),
    "With select `vote`: draw no more candidates than it takes. 1: until the rest could not change the winner; less: or until the posterior probability that the leading answer is likelier than the one behind it, 1 − I½(v₁ + 1, v₂ + 1), is at least this. Candidates then come in waves. When left out, all are drawn, side by side.",
    1,
  ),
};

const answer = z.object({
  answer: described(z.string(), "As its likeliest completion has it; its first 256 characters.", "33"),
  count: count("Candidates that gave it.", 5),
  share: described(z.number(), "Of the candidates that have an answer.", 0.83),
  candidates: described(z.array(z.number().int()), "Which ones, the likeliest first.", [2, 0, 3, 4, 7]),
});

export const stopReasons = ["settled", "confidence", "shutdown"] as const;

export const votes = z
  .object({
    prompt: count("Which prompt; 0 for the first.", 0),
    answers: described(
      z.array(answer),
      "The most voted first; of as many votes, that with the likelier completion.",
      [],
    ),
    unanswered: count("Candidates without an answer: they do not vote.", 1),
    candidates: count("best_of.", 8),
    drawn: count("Candidates drawn so far.", 7),
    skipped: count("Candidates that were not drawn, since the vote had stopped.", 1),
    stopped_early: described(
      z.enum(stopReasons).nullable(),
      "Why: `settled`, the rest could not have changed the winner; `confidence`, `vote_confidence` was reached; `shutdown`, the server's end. null where all were drawn, or are to be.",
      "settled",
    ),
    leader_confidence: described(
      z.number(),
      "Posterior probability that the first answer is likelier than the second, 1 − I½(v₁ + 1, v₂ + 1). Of one look: no guarantee for a vote that was looked at again and again.",
      0.98,
    ),
  })
  .meta({ id: "Votes", description: "Who voted for what, among the candidates of one prompt." });

export const selected = z
  .object({
    prompt: count("Which prompt; 0 for the first.", 0),
    kind: described(
      z.literal("chosen"),
      "What the answer is: chosen among several, and so no draw from the sampler's law.",
      "chosen",
    ),
    select: described(z.enum(selectRules), "By which rule.", "vote"),
    candidates: count("best_of.", 8),
    drawn: count("Candidates among which it was chosen.", 7),
    chosen: described(
      z.array(z.number().int()),
      "Which of them each choice of the prompt is: candidate i is what choice i is with n of best_of.",
      [2],
    ),
    evaluated_tokens: count("Model evaluations paid for by all candidates, discarded ones included.", 168),
  })
  .meta({ id: "Selected", description: "How the choices of one prompt were chosen." });

export type Votes = z.output<typeof votes>;
export type Selected = z.output<typeof selected>;
