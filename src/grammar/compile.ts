import { allCharacters, literals, spellOnce, utf8 } from "./characters.ts";
import type { CodeRanges, Spell } from "./characters.ts";
import type { Language } from "./constraint.ts";
import { readGrammar } from "./ebnf.ts";
import { Expressions } from "./expression.ts";
import type { Expression } from "./expression.ts";
import { GrammarError, ofField, unsupported, withinStack } from "./grammar-error.ts";
import { JsonSchema } from "./json/json-schema.ts";
import { JsonText } from "./json/json-text.ts";
import { quoted, SchemaFile } from "./json/schema-file.ts";
import { Automaton, deadState } from "./automaton.ts";
import { prune } from "./prune.ts";
import { regularExpression } from "./regular-expression.ts";

/** Parts of a language within one another at most. */
const deepest = 32;

/**
 * Reads a language over an alphabet, every prefix of whose texts leads to one that ends.
 * @param narrow leaves of some characters those that can be written; all of them when left out
 * @throws GrammarError saying what is wrong with it
 */
export function compile(
  language: Language,
  narrow: (ranges: CodeRanges) => CodeRanges = (all) => all,
): Automaton {
  return withinStack(() => new Compiler(narrow).compile(language));
}

type GivenSchema = Omit<Extract<Language, { readonly kind: "json_schema" }>, "kind">;

class Compiler {
  readonly #make = new Expressions();
  readonly #spell: Spell;
  /** Members of oneOf that must have nothing in common. */
  readonly #schemas: { readonly schema: JsonSchema; readonly field: string | undefined }[] = [];

  constructor(narrow: (ranges: CodeRanges) => CodeRanges) {
    this.#spell = spellOnce((ranges) => utf8(this.#make, narrow(ranges)));
  }

  compile(language: Language): Automaton {
    const root = prune(this.#make, this.#read(language, 0));
    this.#checkDisjoint();
    const automaton = new Automaton(this.#make, root);
    if (automaton.start === deadState)
      throw new GrammarError("allows no text at all that this model's tokens can write");
    return automaton;
  }

  #read(language: Language, depth: number): Expression {
    if (depth > deepest) throw unsupported(`has more than ${deepest} parts within one another`);
    const make = this.#make;
    const spell = this.#spell;
    const read = (part: Language): Expression => this.#read(part, depth + 1);
    switch (language.kind) {
      case "json_schema":
        return this.#readSchema(language);
      case "json_object":
        return this.#readSchema({ schema: { type: "object" }, isClosed: false });
      case "regex":
        return regularExpression(language.pattern, { make, spell, isSearch: false });
      case "choice":
        return literals(make, language.options, spell);
      case "grammar":
        return readGrammar(language.grammar, { make, spell });
      case "sequence":
        return make.sequence(...language.parts.map(read));
      case "either":
        return make.choice(...language.options.map(read));
      case "repeat":
        return make.repeat(read(language.of), language.least, language.most ?? Infinity);
      case "text_without": {
        const anything = make.repeat(spell(allCharacters), 0);
        const holding = make.sequence(anything, literals(make, language.texts, spell), anything);
        return make.without(anything, holding);
      }
    }
  }

  #readSchema({ schema: document, isClosed, field }: GivenSchema): Expression {
    return ofField(field, () => {
      const text = new JsonText(this.#make, this.#spell);
      const schema = new JsonSchema(text, new SchemaFile(document), { isClosed });
      this.#schemas.push({ schema, field });
      return schema.read();
    });
  }

  /** A grammar says "one of", not "exactly one": the two are the same where members exclude each other. */
  #checkDisjoint(): void {
    for (const { schema, field } of this.#schemas) {
      const overlap = schema.disjoint.find(({ rule }) => rule.body !== this.#make.nothing);
      if (overlap === undefined) continue;
      const { rule, path } = overlap;
      throw new GrammarError(
        `has oneOf at ${quoted(path)} whose members are not sure to exclude each other (${rule.name}), which is not supported: say anyOf`,
        { isUnsupported: true, field },
      );
    }
  }
}
