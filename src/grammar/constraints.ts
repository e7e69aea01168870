import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { InferenceError } from "../core/errors.ts";
import type { TokenId } from "../core/tokens.ts";
import type { TokenConstraint } from "../engine/token-constraint.ts";
import { compile } from "./compile.ts";
import type { Constraint } from "./constraint.ts";
import { GrammarError, unsupported, withinStack } from "./grammar-error.ts";
import { tokenAlphabet } from "./token-alphabet.ts";
import type { TokenAlphabet } from "./token-alphabet.ts";
import { TokenGrammar } from "./token-grammar.ts";
import type { Vocabulary } from "./token-trie.ts";

/** Constraints that are kept compiled. */
const mostKept = 64;

/** Vocabularies that are kept as tries: one without special tokens, others by the marks of a chat template. */
const mostAlphabets = 4;

/** A constraint that has come to so many states begins anew with the next request: what it came to is seldom come to again. */
const mostStates = 20_000;

/** Longer than any constraint, characters of its JSON text. */
const mostCharacters = 256 * 1024;

/** The constraints of requests, over the tokens of one model. */
export class Constraints {
  readonly #vocabularyOf: (marks: readonly string[]) => Vocabulary;
  readonly #compiled = new LRUCache<string, TokenGrammar>({ max: mostKept });
  /** By their marks. */
  readonly #alphabets = new LRUCache<string, TokenAlphabet>({ max: mostAlphabets });

  /** @param vocabularyOf with special tokens that are part of one of these texts among those that add text */
  constructor(vocabularyOf: (marks: readonly string[]) => Vocabulary) {
    this.#vocabularyOf = vocabularyOf;
  }

  /**
   * @param ends tokens that end a completion
   * @throws InferenceError `invalid_request` or `unsupported`, naming the constraint's field and what is wrong with it
   */
  compile(constraint: Constraint, ends: ReadonlySet<TokenId>): TokenConstraint {
    try {
      return this.#compile(constraint, ends);
    } catch (error) {
      throw refusalOf(error, constraint);
    }
  }

  #compile({ language, marks = [] }: Constraint, ends: ReadonlySet<TokenId>): TokenConstraint {
    if (ends.size === 0)
      throw unsupported(
        "needs a model that has an end token, which says where an answer is whole: this one names none",
      );
    const text = withinStack(() => JSON.stringify([language, marks, [...ends]]));
    if (text.length > mostCharacters) throw unsupported(`has more than ${mostCharacters} characters`);
    const key = createHash("sha256").update(text).digest("base64");
    const known = this.#compiled.get(key);
    if (known !== undefined && known.size < mostStates) return known;
    const alphabet = this.#alphabetOf(marks);
    const automaton = compile(language, alphabet.narrow);
    const compiled = new TokenGrammar({ key, automaton, alphabet, ends });
    // The first mask is what most requests fail at that ask for too much.
    compiled.start.permitted();
    this.#compiled.set(key, compiled);
    return compiled;
  }

  #alphabetOf(marks: readonly string[]): TokenAlphabet {
    const name = JSON.stringify(marks);
    let alphabet = this.#alphabets.get(name);
    if (alphabet === undefined) {
      alphabet = tokenAlphabet(this.#vocabularyOf(marks));
      this.#alphabets.set(name, alphabet);
    }
    return alphabet;
  }
}

/** What a client is told of an error that its constraint is to blame for, which may show in mid-completion; others as they are. */
export function refusalOf(error: unknown, constraint: Constraint): unknown {
  if (!(error instanceof GrammarError)) return error;
  const { field = constraint.field } = error;
  const code = error.isUnsupported ? "unsupported" : "invalid_request";
  return new InferenceError(code, `${field} ${error.message}.`, { param: field });
}
