import type { Configuration } from "../configurations.ts";
import type { DataItem } from "../data-set.ts";
import type { Results } from "../result-file.ts";
import type { Answers } from "./race.ts";

/** Asks what a file does not have yet. */
export type Ask = (work: {
  readonly items: readonly DataItem[];
  readonly configurations: readonly Configuration[];
  readonly n: number;
  readonly file: Results;
  /** Of the first item; those that follow have the next ones. */
  readonly seed: number;
}) => Promise<void>;

/**
 * Answers by way of a file: what is there is not asked again.
 * @param questions all of them, in their order: the one at place i is asked with seed + i, whatever it is asked beside
 */
export const storedAnswers =
  (file: Results, ask: Ask, questions: readonly DataItem[], seed: number): Answers =>
  async (items, entrants) => {
    const first = questions.indexOf(items[0]!);
    for (const n of new Set(entrants.map((entrant) => entrant.n))) {
      const own = entrants.filter((entrant) => entrant.n === n);
      const configurations = own.map(({ configuration }) => configuration);
      await ask({ items, configurations, n, file, seed: seed + first });
    }
    const ids = new Set(items.map(({ id }) => id));
    return file.results.filter(({ id }) => ids.has(id));
  };
