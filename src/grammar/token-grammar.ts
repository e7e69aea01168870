import { LRUCache } from "lru-cache";
import type { TokenId } from "../core/tokens.ts";
import type { ConstraintState, TokenConstraint } from "../engine/token-constraint.ts";
import { TokenMask } from "../sampling/token-mask.ts";
import { deadState } from "./automaton.ts";
import type { Automaton, State } from "./automaton.ts";
import { withinStack } from "./grammar-error.ts";
import type { TokenAlphabet } from "./token-alphabet.ts";

/** Masks of one constraint that are kept, bytes: some thousands for a vocabulary of 49,152. */
const maskBytes = 16 * 2 ** 20;

export interface TokenGrammarOptions {
  readonly key: string;
  readonly automaton: Automaton;
  readonly alphabet: TokenAlphabet;
  /** Tokens that end a completion. They are no text, whatever they spell. */
  readonly ends: ReadonlySet<TokenId>;
}

/** A language over the tokens of a vocabulary. */
export class TokenGrammar implements TokenConstraint {
  readonly key: string;
  readonly start: ConstraintState;
  readonly #automaton: Automaton;
  readonly #alphabet: TokenAlphabet;
  readonly #ends: ReadonlySet<TokenId>;
  readonly #masks = new LRUCache<State, TokenMask>({
    maxSize: maskBytes,
    sizeCalculation: ({ bytes }) => bytes,
  });
  readonly #states: ConstraintState[] = [];
  /** States by depth of the walk that a mask takes. */
  readonly #path: Int32Array;

  constructor({ key, automaton, alphabet, ends }: TokenGrammarOptions) {
    this.key = key;
    this.#automaton = automaton;
    this.#alphabet = alphabet;
    this.#ends = ends;
    this.#path = new Int32Array(alphabet.trie.longest + 1);
    this.start = this.#stateOf(automaton.start);
  }

  /** States that its texts have come to so far. */
  get size(): number {
    return this.#automaton.size;
  }

  #stateOf(state: State): ConstraintState {
    return (this.#states[state] ??= {
      permitted: () => this.#permitted(state),
      after: (token) => this.#after(state, token),
    });
  }

  #permitted(state: State): TokenMask {
    let mask = this.#masks.get(state);
    if (mask === undefined) {
      mask = withinStack(() => this.#walk(state));
      this.#masks.set(state, mask);
    }
    return mask;
  }

  #after(state: State, token: TokenId): ConstraintState {
    const bytes = this.#alphabet.vocabulary.bytesOf(token);
    const next = bytes === undefined ? deadState : withinStack(() => this.#automaton.read(state, bytes));
    if (next === deadState) throw new Error(`token ${token} is not permitted here`);
    return this.#stateOf(next);
  }

  /** All tokens at once, along the trie of what they spell. */
  #walk(state: State): TokenMask {
    const automaton = this.#automaton;
    const { vocabularySize, size, byte, depth, next, firstToken, tokens } = this.#alphabet.trie;
    const path = this.#path;
    const mask = new TokenMask(vocabularySize);
    automaton.begin();
    path[0] = state;
    for (let node = 0; node < size;) {
      const at = depth[node]!;
      const after = automaton.step(path[at]!, byte[node]!);
      if (after === deadState) {
        node = next[node]!;
        continue;
      }
      path[at + 1] = after;
      for (let index = firstToken[node]!; index < firstToken[node + 1]!; index++) mask.add(tokens[index]!);
      node++;
    }
    const mayEnd = automaton.mayEnd(state);
    for (const end of this.#ends) {
      if (mayEnd) mask.add(end);
      else mask.remove(end);
    }
    return mask;
  }
}
