import { uniform } from "../../core/random.ts";

export interface Halves<Question> {
  /** On which settings are compared and one is chosen. */
  readonly search: readonly Question[];
  /** Which nothing was chosen on: what is measured here is as it comes out, not picked for coming out well. */
  readonly heldOut: readonly Question[];
}

/** Questions in an order that the seed draws (Fisher and Yates), in halves; an odd one is for the search. */
export function splitQuestions<Question>(questions: readonly Question[], seed: number): Halves<Question> {
  const order = [...questions];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(uniform({ seed, choice: 0, stage: 0, step: 0 }, "select", last) * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  const middle = Math.ceil(order.length / 2);
  return { search: order.slice(0, middle), heldOut: order.slice(middle) };
}
