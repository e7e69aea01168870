import { logSumExp, selectByLogWeight } from "../core/log-sum-exp.ts";
import { keepByWeight } from "./resampling.ts";

/** A beginning of a completion, or what may become one. */
export interface Weighed {
  /** Tokens. */
  readonly length: number;
  /** Whether nothing follows. */
  readonly ends: boolean;
  readonly logWeight: number;
}

/**
 * Compares beginnings of different lengths by what they may weigh once they have the same:
 *
 *     log M = log W − c · (length − tokens)
 *
 * c is what the weight of all lost per token so far, in nats. One that has ended loses nothing any more.
 */
export class Outlook {
  #length: number;
  #lost = 0;
  #tokens = 0;
  /** log ΣW of all that had the length before. */
  #before: number;

  constructor(start: Weighed) {
    this.#length = start.length + 1;
    this.#before = start.logWeight;
  }

  /** Tokens at which they are compared. */
  get length(): number {
    return this.#length;
  }

  of(one: Weighed): number {
    return one.logWeight - this.#loss(one);
  }

  /** The log W of one whose log M is given. */
  weightOf(one: Weighed, logOutlook: number): number {
    return logOutlook + this.#loss(one);
  }

  isShort({ length, ends }: Weighed): boolean {
    return !ends && length < this.#length;
  }

  /** log ΣM, and one drawn by M. */
  over<One extends Weighed>(
    all: readonly One[],
  ): { readonly logSum: number; readonly draw: (u: number) => One } {
    const outlooks = all.map((one) => this.of(one));
    return { logSum: logSumExp(outlooks), draw: (u) => all[selectByLogWeight(outlooks, u)]! };
  }

  /** The first of those with the largest M, of at least one. */
  heaviest<One extends Weighed>(all: readonly One[]): One {
    return all.reduce((most, one) => (this.of(one) > this.of(most) ? one : most));
  }

  /** Keeps those under a threshold with probability M over it, by one systematic draw, with the log W that they have then. */
  keep<One extends Weighed>(
    all: readonly One[],
    logThreshold: number,
    u: number,
  ): { readonly one: One; readonly logWeight: number }[] {
    const outlooks = all.map((one) => this.of(one));
    return keepByWeight(outlooks, logThreshold, u).map(({ index, logWeight }) => ({
      one: all[index]!,
      logWeight: this.weightOf(all[index]!, logWeight),
    }));
  }

  /** Begins anew with one alone, and with what it knows of the loss. */
  beginAt(start: Weighed): void {
    this.#length = start.length + 1;
    this.#before = start.logWeight;
  }

  /** Goes on to the next length, once none is to grow to this one. */
  advance(all: readonly Weighed[]): void {
    const logSum = logSumExp(all.filter((one) => !this.isShort(one)).map(({ logWeight }) => logWeight));
    this.#lost += this.#before - logSum;
    this.#tokens++;
    this.#before = logSum;
    this.#length++;
  }

  #loss({ length, ends }: Weighed): number {
    return ends
      ? 0
      : Math.max(0, this.#lost / Math.max(1, this.#tokens)) * Math.max(0, this.#length - length);
  }
}
