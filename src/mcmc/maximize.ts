/**
 * A search for the likeliest completion, p^α at α = ∞. No sampler: it leaves no law invariant and has no mixing.
 *
 * State x; cut c drawn from g(c|x); a suffix drawn from q after the kept tokens, giving x'; accepted when
 *
 *     log p(x') > log p(x)
 *
 * so that log p never falls by a step. The search ends where it no longer improves, which need not be the likeliest
 * completion: what q hardly proposes, it hardly finds.
 *
 * A later stage cannot better a completion that has ended by extending a likelier start of one, and may come out
 * worse. So the search keeps the likeliest that has ended, proposals that were turned down among them, and a stage
 * goes back to it where its draft is less likely.
 */
import { AsRecorded } from "./as-recorded.ts";
import { hasEnded, isComplete, isSame, logProbability } from "./completion.ts";
import type { Completion, CompletionToken } from "./completion.ts";
import { completions } from "./completions.ts";
import { chooseCut } from "./cut.ts";
import type { CutWeight } from "./cut.ts";
import { decide, rejectEarly, soleProposal } from "./decide.ts";
import type { StepContext, StepResult, Walk } from "./kernel.ts";
import { Stages } from "./stages.ts";
import type { Driver, StageEvent, StagesResult, StageSettings } from "./stages.ts";

export const maximize = (weigh: CutWeight): Driver => ({
  rowsPerStep: 1,
  run: (settings) => search(weigh, settings),
});

async function* search(
  weigh: CutWeight,
  settings: StageSettings,
): AsyncGenerator<StageEvent, StagesResult, undefined> {
  /** The likeliest that has ended. */
  let best: Completion | undefined;
  const walk = climbing(weigh);
  const lastHorizon = settings.horizons.at(-1)!;
  const searching: Walk<Completion> = {
    ...walk,
    draft: async (state, context) => {
      const draft = await walk.draft(state, context);
      const isBehind = best !== undefined && logProbability(best) > logProbability(draft.state);
      // The same tokens may have been drawn twice, and recorded with other values by a model whose numbers move.
      return isBehind && !isSame(best!, draft.state) ? { ...draft, state: best!, isComplete: true } : draft;
    },
    step: (state, context) => {
      // The search may go back to a proposal that ends and is less likely than a state that has not: it has to see its
      // end.
      const mayComeBack = context.horizon < lastHorizon && !hasEnded(state);
      return walk.step(state, mayComeBack ? { ...context, earlyRejection: false } : context);
    },
  };
  const stages = new Stages(searching, settings);
  for await (const event of stages.run()) {
    if (event.type === "step") {
      const { previous, info } = event;
      best = likeliestEnded([best, previous, [...previous.slice(0, info.cut), ...info.suffix]]);
    }
    yield event;
  }
  return stages.result;
}

/** The first of the likeliest that have ended. */
function likeliestEnded(candidates: readonly (Completion | undefined)[]): Completion | undefined {
  let likeliest: Completion | undefined;
  for (const candidate of candidates) {
    if (candidate === undefined || !hasEnded(candidate)) continue;
    if (likeliest === undefined || logProbability(candidate) > logProbability(likeliest))
      likeliest = candidate;
  }
  return likeliest;
}

/** Steps up, or none: what the search is made of. */
export const climbing = (weigh: CutWeight): Walk<Completion> => ({
  ...completions,
  step: (state, context) => climb(state, weigh, context),
});

/** log r is ∞ or −∞, and 0 for the state itself. */
async function climb(
  state: Completion,
  weigh: CutWeight,
  { horizon, draws, propose, earlyRejection }: StepContext,
): Promise<StepResult<Completion> | undefined> {
  const { cut } = chooseCut(weigh, state, draws(0).cut);
  const kept = state.slice(0, cut);
  const best = logProbability(state);
  const completion: CompletionToken[] = [...kept];
  let logprob = logProbability(kept);
  const along = new AsRecorded(state, cut);
  for await (const run of propose(kept, 0)) {
    for (const drawn of run) {
      const token = along.take(drawn);
      completion.push(token);
      logprob += token.logprob;
      // Further tokens only make it less likely.
      if (earlyRejection && logprob <= best && !isComplete(completion, horizon))
        return rejectEarly(state, soleProposal(completion, cut, -Infinity));
    }
  }
  if (!isComplete(completion, horizon)) return undefined;
  const logRatio = isSame(state, completion) ? 0 : logprob > best ? Infinity : -Infinity;
  return decide(state, soleProposal(completion, cut, logRatio), 0);
}
