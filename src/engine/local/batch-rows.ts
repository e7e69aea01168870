import type { LaneCache } from "./lane-cache.ts";
import type { Batch, BatchRow } from "./runner.ts";
import type { Sequence } from "./sequence.ts";

interface Row extends BatchRow {
  tokens: readonly number[];
  position: number;
  isIdle: boolean;
  measuredFrom: number;
  inverseTemperature: number;
}

/** Batches of one token a lane. Rows are made once and written anew for each pass: they are valid until the next. */
export class BatchRows {
  readonly #lanes: LaneCache;
  readonly #rows: readonly Row[];
  readonly #batch: Row[] = [];

  constructor(lanes: LaneCache) {
    this.#lanes = lanes;
    this.#rows = Array.from({ length: lanes.total }, (_, lane) => ({
      lane,
      tokens: [0],
      position: 0,
      isIdle: true,
      measuredFrom: 0,
      inverseTemperature: 1,
    }));
  }

  /**
   * The next token of each sequence, given by ascending lane, and of all lanes from `first` to `last`. A lane that
   * takes no part repeats its own last token in place: the same K/V is written again, and its logits are not
   * looked at.
   */
  fill(sequences: readonly Sequence[], first: number, last: number): Batch {
    this.#batch.length = 0;
    let next = 0;
    for (let lane = first; lane <= last; lane++) {
      const row = this.#rows[lane]!;
      const sequence = sequences[next];
      row.isIdle = sequence?.lane!.index !== lane;
      if (row.isIdle) {
        const { tokens } = this.#lanes.at(lane);
        row.position = Math.max(0, tokens.length - 1);
        row.measuredFrom = 1;
        write(row, tokens[row.position] ?? 0);
      } else {
        row.position = sequence!.cached;
        row.measuredFrom = Math.max(0, sequence!.reusableTokens - row.position);
        row.inverseTemperature = sequence!.inverseTemperature;
        write(row, sequence!.tokens[row.position]!);
        next++;
      }
      this.#batch.push(row);
    }
    return this.#batch;
  }
}

function write(row: Row, token: number): void {
  (row.tokens as number[])[0] = token;
}
