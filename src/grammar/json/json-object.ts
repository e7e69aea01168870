import { allCharacters, literals, utf8 } from "../characters.ts";
import { Automaton, deadState } from "../automaton.ts";
import { Expressions } from "../expression.ts";
import type { Expression } from "../expression.ts";
import { GrammarError, unsupported } from "../grammar-error.ts";
import { prune } from "../prune.ts";
import { regularExpression } from "../regular-expression.ts";
import { members } from "./alternatives.ts";
import { countOf } from "./counts.ts";
import type { SchemaReader } from "./schema-reader.ts";
import { isArray } from "../../core/json-value.ts";
import type { Json } from "../../core/json-value.ts";
import type { Place, SchemaNode } from "./schema-file.ts";

/** Names that a schema lists at most, patterns of names that are told apart, and members that are counted. */
const mostNames = 500;
const mostPatterns = 4;
const mostCounted = 64;
/** Members that may follow one another as options of one choice. */
const mostTogether = 16;

/** Objects that all of some schemas allow: the members that they list in the order in which they do, then others. */
export function objectOf(reader: SchemaReader, places: readonly Place[]): Expression {
  return new ObjectReader(reader, places).read();
}

class ObjectReader {
  readonly #reader: SchemaReader;
  readonly #places: readonly Place[];
  readonly #required: ReadonlySet<string>;
  readonly #absent: ReadonlySet<string>;
  readonly #names: readonly string[];
  readonly #patterns: readonly string[];
  readonly #isClosed: boolean;
  readonly #nameSchemas: readonly SchemaNode[];
  /** What each schema lists, by name. */
  readonly #properties: ReadonlyMap<Place, ReadonlyMap<string, Json>>;

  constructor(reader: SchemaReader, places: readonly Place[]) {
    const { file, options } = reader;
    this.#reader = reader;
    this.#places = places;
    this.#required = new Set(places.flatMap((place) => namesIn(place, "required")));
    this.#absent = new Set(places.flatMap((place) => namesIn(place, "x-metropolis-absent")));
    this.#properties = new Map(
      places.map((place) => [place, new Map(members(place.schema.properties, "properties", place.path))]),
    );
    const listed = places.flatMap((place) => [...this.#properties.get(place)!.keys()]);
    this.#names = [...new Set([...listed, ...this.#required])];
    if (this.#names.length > mostNames)
      throw unsupported(`lists more than ${mostNames} properties at ${places[0]?.path ?? "#"}`);
    const patterned = places.flatMap(({ schema, path }) =>
      members(schema.patternProperties, "patternProperties", path),
    );
    this.#patterns = [...new Set(patterned.map(([pattern]) => pattern))];
    if (this.#patterns.length > mostPatterns)
      throw unsupported(
        `has 'patternProperties' of more than ${mostPatterns} patterns at ${places[0]?.path ?? "#"}`,
      );
    const says = (keyword: string): boolean => places.some(({ schema }) => schema[keyword] !== undefined);
    const listsMembers = says("properties") || says("patternProperties");
    this.#isClosed = options.isClosed && listsMembers && !says("additionalProperties");
    this.#nameSchemas = places.flatMap(({ schema, path }) =>
      schema.propertyNames === undefined ? [] : [file.node(schema.propertyNames, `${path}/propertyNames`)],
    );
  }

  read(): Expression {
    const { text } = this.#reader;
    const { make } = text;
    const least = Math.max(0, ...countOf(this.#places, "minProperties"));
    const most = Math.min(Infinity, ...countOf(this.#places, "maxProperties"));
    const other = this.#otherMember();
    this.#checkCounts(least, most, other !== make.nothing);
    // Counts beyond these are all alike.
    const limit = most < Infinity ? most : least;
    const close = make.sequence(text.space, text.text("}"));
    /** What follows `count` members, by count; for each name, from the last to the first. */
    let after: Expression[] = Array.from({ length: limit + 2 }, (_, count) => {
      const rest = make.repeat(make.sequence(text.comma, other), Math.max(0, least - count), most - count);
      if (count > 0) return make.sequence(rest, close);
      const first = make.repeat(make.sequence(text.comma, other), Math.max(0, least - 1), most - 1);
      const some = most > 0 ? make.sequence(other, first, close) : make.nothing;
      return make.choice(some, least === 0 ? text.text("}") : make.nothing);
    });
    for (const name of [...this.#names].reverse()) {
      const member = this.#member(name);
      const isRequired = this.#required.has(name);
      const before = after;
      after = before.map((skipped, count) => {
        const next = most < Infinity ? before[count + 1] : before[Math.min(count + 1, limit + 1)];
        const isBeyond = most < Infinity && count >= most;
        const taken = isBeyond
          ? make.nothing
          : make.sequence(count === 0 ? make.empty : text.comma, member, next ?? make.nothing);
        return isRequired ? taken : make.choice(taken, this.#apart(skipped, name));
      });
    }
    return make.sequence(text.text("{"), text.space, after[0]!);
  }

  /** Many as a rule of their own: choices within choices are one, and that of each member would hold all that may follow. */
  #apart(options: Expression, name: string): Expression {
    if (options.kind !== "choice" || options.options.length < mostTogether) return options;
    return this.#reader.text.make.reference({ name: `members behind ${name}`, body: options });
  }

  #checkCounts(least: number, most: number, hasOthers: boolean): void {
    const path = this.#places.find(({ schema }) => schema.minProperties !== undefined)?.path ?? "#";
    if (least > mostCounted || (most < Infinity && most > mostCounted))
      throw unsupported(`has minProperties or maxProperties of more than ${mostCounted} at ${path}`);
    // Two others might have the same name, which a reader takes for one.
    if (hasOthers && least > this.#required.size + 1)
      throw unsupported(
        `has 'minProperties' at ${path} where other names are allowed, which is supported up to one more than are required: set additionalProperties to false`,
      );
  }

  #member(name: string): Expression {
    const { text } = this.#reader;
    const key = this.#allowedName(text.strings([name]));
    return text.member(key, this.#reader.value(this.#schemasOf(name)));
  }

  #allowedName(name: Expression): Expression {
    if (this.#nameSchemas.length === 0) return name;
    return this.#reader.text.make.both(name, this.#reader.value(this.#nameSchemas));
  }

  /** What a member that is listed has to satisfy. */
  #schemasOf(name: string): readonly SchemaNode[] {
    if (this.#absent.has(name)) return [false];
    const matched = new Set(this.#patterns.filter((pattern) => matches(pattern, name)));
    const isListed = this.#places.some((place) => this.#properties.get(place)!.has(name));
    if (this.#isClosed && !isListed && matched.size === 0) return [false];
    return this.#places.flatMap((place) => this.#schemasAt(place, name, matched));
  }

  #schemasAt(place: Place, name: string | undefined, matched: ReadonlySet<string>): readonly SchemaNode[] {
    const { file } = this.#reader;
    const { schema, path } = place;
    const listed = name === undefined ? undefined : this.#properties.get(place)!.get(name);
    const own = listed === undefined ? [] : [file.node(listed, `${path}/properties/${name}`)];
    const patterned = members(schema.patternProperties, "patternProperties", path)
      .filter(([pattern]) => matched.has(pattern))
      .map(([pattern, value]) => file.node(value, `${path}/patternProperties/${pattern}`));
    const others = schema.additionalProperties;
    if (own.length > 0 || patterned.length > 0 || others === undefined) return [...own, ...patterned];
    return [file.node(others, `${path}/additionalProperties`)];
  }

  /** A member that is not listed: one kind for each set of patterns that its name matches. */
  #otherMember(): Expression {
    const { text } = this.#reader;
    const { make } = text;
    if (this.#isClosed && this.#patterns.length === 0) return make.nothing;
    const listed = literals(make, [...this.#names, ...this.#absent], text.spelled);
    const unlisted = make.without(make.repeat(text.spelled(allCharacters), 0), listed);
    const kinds = Array.from({ length: 2 ** this.#patterns.length }, (_, bits) => {
      const matched = new Set(this.#patterns.filter((__, index) => ((bits >> index) & 1) === 1));
      if (this.#isClosed && matched.size === 0) return make.nothing;
      let name = unlisted;
      for (const pattern of this.#patterns) {
        const matching = regularExpression(pattern, { make, spell: text.spelled, isSearch: true });
        name = matched.has(pattern) ? make.both(name, matching) : make.without(name, matching);
      }
      const schemas = this.#places.flatMap((place) => this.#schemasAt(place, undefined, matched));
      if (schemas.includes(false)) return make.nothing;
      return text.member(this.#allowedName(text.quoted(name)), this.#reader.value(schemas));
    });
    return make.choice(...kinds);
  }
}

function namesIn({ schema, path }: Place, keyword: string): readonly string[] {
  const names = schema[keyword] ?? [];
  if (!isArray(names) || !names.every((name) => typeof name === "string"))
    throw new GrammarError(`has ${keyword} at ${path} that is no list of names`);
  return names;
}

/** By the same reading of patterns as everywhere: the runtime's own may take for ever. */
function matches(pattern: string, name: string): boolean {
  const make = new Expressions();
  const spell = (ranges: Parameters<typeof utf8>[1]) => utf8(make, ranges);
  const automaton = new Automaton(
    make,
    prune(make, regularExpression(pattern, { make, spell, isSearch: true })),
  );
  const state =
    automaton.start === deadState ? deadState : automaton.read(automaton.start, Buffer.from(name));
  return state !== deadState && automaton.mayEnd(state);
}
