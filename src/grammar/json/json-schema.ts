/**
 * JSON texts that a schema allows, by JSON Schema's draft 2020-12. A set of schemas that all have to hold is one rule, so
 * that recursion ends; what branches (anyOf and its kin) is spread into alternatives first, each a plain list of
 * keywords.
 */
import type { Expression, Rule } from "../expression.ts";
import { unsupported } from "../grammar-error.ts";
import { alternativesOf } from "./alternatives.ts";
import { arrayOf } from "./json-array.ts";
import { JsonNumber } from "./json-number.ts";
import { numberOf } from "./number-schema.ts";
import { objectOf } from "./json-object.ts";
import type { SchemaOptions, SchemaReader } from "./schema-reader.ts";
import { stringOf } from "./string-schema.ts";
import { isArray, isObject } from "../../core/json-value.ts";
import type { Json } from "../../core/json-value.ts";
import type { JsonText } from "./json-text.ts";
import type { Place, SchemaFile, SchemaNode } from "./schema-file.ts";
import { typesOf, valuesOf } from "./values.ts";
import type { TypeName } from "./values.ts";

/** A pair of oneOf's members that have to have nothing in common. */
interface Disjoint {
  readonly rule: Rule;
  readonly path: string;
}

/** Reads one schema. */
export class JsonSchema implements SchemaReader {
  readonly text: JsonText;
  readonly numbers: JsonNumber;
  readonly file: SchemaFile;
  readonly options: SchemaOptions;
  readonly #rules = new Map<string, Rule>();
  readonly #ids = new Map<Place, number>();
  readonly #pending: (() => void)[] = [];
  readonly disjoint: Disjoint[] = [];

  constructor(text: JsonText, file: SchemaFile, options: SchemaOptions) {
    this.text = text;
    this.numbers = new JsonNumber(text);
    this.file = file;
    this.options = options;
  }

  /** @throws GrammarError */
  read(): Expression {
    const root = this.value([this.file.root]);
    // One after the other: schemas that nest deeply, or without end, take no stack.
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) next();
    return root;
  }

  value(nodes: readonly SchemaNode[]): Expression {
    return this.text.make.reference(this.#ruleOf(nodes));
  }

  expectNothing(nodes: readonly SchemaNode[], path: string): void {
    const rule = this.#ruleOf(nodes);
    // Only what is referred to is pruned.
    this.text.make.reference(rule);
    this.disjoint.push({ rule, path });
  }

  #ruleOf(nodes: readonly SchemaNode[]): Rule {
    const places = [...new Set(nodes.filter((node) => typeof node !== "boolean"))];
    const isNever = nodes.includes(false);
    const ids = places.map((place) => {
      let id = this.#ids.get(place);
      if (id === undefined) this.#ids.set(place, (id = this.#ids.size));
      return id;
    });
    const key = isNever ? "never" : ids.sort((a, b) => a - b).join();
    let rule = this.#rules.get(key);
    if (rule === undefined) {
      if (this.#rules.size >= mostRules)
        throw unsupported(`comes to more than ${mostRules} combinations of schemas`);
      const created: Rule = { name: places.map(({ path }) => path).join(" and "), body: undefined };
      rule = created;
      this.#rules.set(key, created);
      this.#pending.push(() => {
        created.body = isNever ? this.text.make.nothing : this.#body(places);
      });
    }
    return rule;
  }

  #body(places: readonly Place[]): Expression {
    const alternatives = alternativesOf(this, places);
    return this.text.make.choice(...alternatives.map((alternative) => this.#alternative(alternative)));
  }

  #alternative(places: readonly Place[]): Expression {
    const { make } = this.text;
    const types = typesOf(places);
    const values = valuesOf(places);
    const options = [...types].map((type) => {
      const own = values?.filter((value) => isOfType(value, type));
      if (own?.length === 0) return make.nothing;
      return this.#ofType(type, places, own);
    });
    return make.choice(...options);
  }

  #ofType(type: TypeName, places: readonly Place[], values: readonly Json[] | undefined): Expression {
    const { make } = this.text;
    const literal = (): Expression => make.choice(...(values ?? []).map((value) => this.text.literal(value)));
    switch (type) {
      case "null":
        return this.text.text("null");
      case "boolean":
        return values === undefined
          ? make.choice(this.text.text("true"), this.text.text("false"))
          : literal();
      case "integer":
      case "number":
        return numberOf(this, places, type, values);
      case "string":
        return stringOf(this, places, values);
      case "array":
        if (values !== undefined) refuseBeside(places, arrayKeywords);
        return values === undefined ? arrayOf(this, places) : literal();
      case "object":
        if (values !== undefined) refuseBeside(places, objectKeywords);
        return values === undefined ? objectOf(this, places) : literal();
    }
  }
}

const arrayKeywords = ["items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"];
const objectKeywords = [
  "properties",
  "patternProperties",
  "additionalProperties",
  "propertyNames",
  "required",
  "minProperties",
  "maxProperties",
];

/** Combinations of schemas at most. */
const mostRules = 20_000;

/** Whole values beside keywords that look into them. */
function refuseBeside(places: readonly Place[], keywords: readonly string[]): void {
  for (const { schema, path } of places)
    for (const keyword of keywords)
      if (Object.hasOwn(schema, keyword))
        throw unsupported(
          `has '${keyword}' at ${path} beside enum or const of such values, which is not supported`,
        );
}

function isOfType(value: Json, type: TypeName): boolean {
  if (type === "null") return value === null;
  if (type === "array") return isArray(value);
  if (type === "object") return isObject(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}
