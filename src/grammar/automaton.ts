import { Derivatives } from "./derivatives.ts";
import type { Expression, Expressions } from "./expression.ts";
import { tooLarge } from "./grammar-error.ts";

/** An expression that was come to by reading bytes, by its number. */
export type State = number;

export const deadState = -2;
const unknown = -1;

/** States of one constraint at most: with their transitions a kilobyte or less each. */
const mostStates = 40_000;

/** An expression as an automaton whose states are made as they are come to. */
export class Automaton {
  readonly start: State;
  readonly #derivatives: Derivatives;
  readonly #states: Expression[] = [];
  readonly #numbers = new Map<Expression, State>();
  #transitions: Int32Array;

  /** @param root pruned */
  constructor(make: Expressions, root: Expression) {
    this.#derivatives = new Derivatives(make, make.sets);
    this.#transitions = new Int32Array(16 * this.#derivatives.classes.count).fill(unknown);
    this.start = root === make.nothing ? deadState : this.#numberOf(root);
  }

  get size(): number {
    return this.#states.length;
  }

  /** Begins work that has a budget of its own. */
  begin(): void {
    this.#derivatives.begin();
  }

  /** Whether what was read is whole. */
  mayEnd(state: State): boolean {
    return this.#derivatives.mayBeEmpty(this.#states[state]!);
  }

  /** @returns `deadState` where nothing begins so @throws GrammarError where it takes too much */
  step(state: State, byte: number): State {
    const { count, of } = this.#derivatives.classes;
    const at = state * count + of[byte]!;
    const known = this.#transitions[at]!;
    if (known !== unknown) return known;
    const after = this.#derivatives.derive(this.#states[state]!, of[byte]!);
    const next = after.kind === "nothing" ? deadState : this.#numberOf(after);
    this.#transitions[at] = next;
    return next;
  }

  /** @returns `deadState` where nothing begins so */
  read(state: State, bytes: Uint8Array): State {
    let at = state;
    for (let index = 0; index < bytes.length && at !== deadState; index++) at = this.step(at, bytes[index]!);
    return at;
  }

  #numberOf(expression: Expression): State {
    let number = this.#numbers.get(expression);
    if (number === undefined) {
      if (this.#states.length >= mostStates) throw tooLarge();
      number = this.#states.push(expression) - 1;
      this.#numbers.set(expression, number);
      const needed = this.#states.length * this.#derivatives.classes.count;
      if (needed > this.#transitions.length) {
        const grown = new Int32Array(2 * needed).fill(unknown);
        grown.set(this.#transitions);
        this.#transitions = grown;
      }
    }
    return number;
  }
}
