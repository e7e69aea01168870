import type { GenerationPlan } from "../generation-plan.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { Standing } from "./race.ts";

/** A plan as those see it who shape its answer: with the choices that are shown, and no others. */
export function shownPlan(plan: GenerationPlan): GenerationPlan {
  const { prompts, requests, candidates, n, selection } = plan;
  if (selection === undefined) return plan;
  const shown = prompts.flatMap((_, prompt) => requests.slice(prompt * candidates, prompt * candidates + n));
  return { ...plan, requests: shown, candidates: n };
}

/**
 * The events of the choices that are shown. Where these are chosen among candidates, how the candidates stand comes as
 * each of them ends, and then what those that are chosen had to say, as if they had been drawn in order. What chains do
 * meanwhile has the candidates' own numbers.
 */
export async function* shownChoices(
  plan: GenerationPlan,
  events: AsyncIterable<ChoiceEvent>,
): AsyncGenerator<ChoiceEvent, void, undefined> {
  const { candidates, n, selection } = plan;
  if (selection === undefined) {
    yield* events;
    return;
  }
  /** By candidate; forgotten as soon as it cannot be shown any more. */
  const kept = new Map<number, ChoiceEvent[]>();
  for await (const event of events) {
    if (event.type === "standing") {
      const { standing } = event;
      forget(kept, standing, standing.prompt * candidates);
      yield { ...event, index: standing.prompt * n };
      if (standing.isOver) yield* chosen(kept, standing, { candidates, n });
    } else if (event.type === "progress") yield event;
    else if (event.type !== "trace") {
      const own = kept.get(event.index);
      if (own === undefined) kept.set(event.index, [event]);
      else own.push(event);
    }
  }
}

/** Forgets candidates of a prompt that have ended and lead no more. @param first of the prompt's */
function forget(kept: Map<number, ChoiceEvent[]>, { leading, candidates }: Standing, first: number): void {
  for (let candidate = 0; candidate < candidates; candidate++) {
    const hasEnded = kept.get(first + candidate)?.at(-1)?.type === "finish";
    if (hasEnded && !leading.includes(candidate)) kept.delete(first + candidate);
  }
}

function* chosen(
  kept: Map<number, ChoiceEvent[]>,
  { prompt, leading }: Standing,
  { candidates, n }: Pick<GenerationPlan, "candidates" | "n">,
): Generator<ChoiceEvent, void, undefined> {
  for (const [rank, candidate] of leading.slice(0, n).entries()) {
    const place = prompt * candidates + candidate;
    for (const event of kept.get(place)!) yield { ...event, index: prompt * n + rank };
    kept.delete(place);
  }
  // Of a vote, those that led and lost.
  for (const candidate of leading) kept.delete(prompt * candidates + candidate);
}
