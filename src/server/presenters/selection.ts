import { clip } from "../../core/clip.ts";
import type { Selected, Votes } from "../schemas/selection.ts";
import type { Standing } from "../selection/race.ts";

/** Characters of an answer that are told again. */
const mostTold = 256;

/** Who voted for what; `undefined` where there is no vote. */
export function votesOf({ prompt, candidates, drawn, votes, isOver, stopped }: Standing): Votes | undefined {
  if (votes === undefined) return undefined;
  return {
    prompt,
    answers: votes.answers.map(({ text, count, share, candidates: own }) => ({
      answer: clip(text, mostTold),
      count,
      share,
      candidates: [...own],
    })),
    unanswered: votes.unanswered,
    candidates,
    drawn,
    skipped: isOver ? candidates - drawn : 0,
    stopped_early: stopped ?? null,
    leader_confidence: votes.leaderConfidence,
  };
}

/** How the choices of a prompt were chosen. @param n of them */
const selectedOf = (
  { prompt, rule, candidates, drawn, leading, evaluatedTokens }: Standing,
  n: number,
): Selected => ({
  prompt,
  kind: "chosen",
  select: rule,
  candidates,
  drawn,
  chosen: leading.slice(0, n),
  evaluated_tokens: evaluatedTokens,
});

/** What an answer says of how its choices were chosen: all prompts of it, or those that are told in a chunk. */
export function statedSelection(
  standings: readonly Standing[],
  n: number,
): { selected?: Selected[]; votes?: Votes[] } {
  const over = standings.filter(({ isOver }) => isOver);
  const votes = standings.flatMap((standing) => votesOf(standing) ?? []);
  return {
    ...(over.length === 0 ? {} : { selected: over.map((standing) => selectedOf(standing, n)) }),
    ...(votes.length === 0 ? {} : { votes }),
  };
}
