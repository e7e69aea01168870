/**
 * A search for the likeliest completion, p^α at α = ∞. No sampler: it leaves no law invariant and has no mixing.
 *
 * State x; cut c drawn from g(c|x); a suffix drawn from q after the kept tokens, giving x'; accepted when
 *
 *     log p(x') > log p(x)
 *
 * so that log p never falls. It stops being able to improve, not where the likeliest completion is: what q hardly
 * proposes it hardly finds.
 */
import { hasEnded, isComplete, isSame, logProbability } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { chooseCut } from "./cut.ts";
import type { CutWeight } from "./cut.ts";
import type { Kernel, StepInfo } from "./kernel.ts";

/** Accepts only what is likelier: log r is ∞ or −∞, and 0 for the state itself. */
export function maximize(weigh: CutWeight): Kernel {
  return async (state, { horizon, draws, propose, earlyRejection }) => {
    const { cut } = chooseCut(weigh, state, draws.cut);
    const best = logProbability(state);
    const proposal: CompletionToken[] = state.slice(0, cut);
    const suffix = (): CompletionToken[] => proposal.slice(cut);
    let logprob = logProbability(proposal);
    for await (const run of propose(cut)) {
      for (const token of run) {
        proposal.push(token);
        logprob += token.logprob;
        // Further tokens only make it less likely.
        if (earlyRejection && logprob <= best && !isComplete(proposal, horizon)) {
          return { state, info: { outcome: "rejected_early", cut, suffix: suffix(), logRatio: -Infinity } };
        }
      }
    }
    if (!isComplete(proposal, horizon)) return { state, info: undefined };

    const info = { cut, suffix: suffix() };
    if (isSame(state, proposal)) return { state, info: { outcome: "unchanged", ...info, logRatio: 0 } };
    if (!(logprob > best)) return { state, info: { outcome: "rejected", ...info, logRatio: -Infinity } };
    return { state: proposal, info: { outcome: "accepted", ...info, logRatio: Infinity } };
  };
}

/**
 * The likeliest completion that has ended so far, with those of one more step. A later stage cannot better one by
 * extending a likelier start of a completion, and may come out worse.
 */
export function likeliestEnded(
  best: Completion | undefined,
  { previous, info: { cut, suffix } }: { readonly previous: Completion; readonly info: StepInfo },
): Completion | undefined {
  const candidates = [previous, [...previous.slice(0, cut), ...suffix]].filter(hasEnded);
  return candidates.reduce<Completion | undefined>(
    (likeliest, candidate) =>
      likeliest === undefined || logProbability(candidate) > logProbability(likeliest)
        ? candidate
        : likeliest,
    best,
  );
}
