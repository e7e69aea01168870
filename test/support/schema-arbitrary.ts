import fc from "fast-check";

/** The part of JSON Schema that openapi.yaml uses. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly minItems?: number;
  readonly examples?: readonly unknown[];
}

export interface SchemaOptions {
  readonly resolve: (reference: string) => JsonSchema;
  /** Text for strings without an example. */
  readonly text: fc.Arbitrary<string>;
  /** Arbitraries of fields whose range is too costly to explore. */
  readonly fields: Readonly<Record<string, fc.Arbitrary<unknown>>>;
}

/** Values of a schema, with its borders, and now and then a value that is none. */
export function schemaArbitrary(schema: JsonSchema, options: SchemaOptions): fc.Arbitrary<unknown> {
  const valid = validArbitrary(schema, options);
  return fc.oneof({ weight: 40, arbitrary: valid }, { weight: 1, arbitrary: fc.jsonValue() });
}

function validArbitrary(schema: JsonSchema, options: SchemaOptions): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return schemaArbitrary(options.resolve(schema.$ref), options);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => schemaArbitrary(one, options)));
  const examples = schema.examples ?? [];
  const typed = typedArbitrary(schema, options);
  return examples.length === 0 ? typed : fc.oneof(typed, fc.constantFrom(...examples));
}

function typedArbitrary(schema: JsonSchema, options: SchemaOptions): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "string":
      return options.text;
    case "integer":
    case "number":
      return numberArbitrary(schema);
    case "array": {
      const { items = {}, minItems = 0, maxItems = 4 } = schema;
      const maxLength = Math.max(minItems, Math.min(4, maxItems));
      return fc.array(schemaArbitrary(items, options), { minLength: minItems, maxLength });
    }
    case "object":
      return objectArbitrary(schema, options);
    default:
      return fc.jsonValue();
  }
}

function numberArbitrary({ type, minimum, exclusiveMinimum, maximum }: JsonSchema): fc.Arbitrary<number> {
  const low = minimum ?? exclusiveMinimum ?? -10;
  const high = Math.min(maximum ?? low + 20, low + 20);
  const borders = [low, low - 1, low + 1, maximum ?? 2 ** 53, (maximum ?? 2 ** 53) + 1];
  const inside =
    type === "integer"
      ? fc.integer({ min: Math.ceil(low), max: Math.floor(high) })
      : fc.double({ min: low, max: high, noNaN: true });
  return fc.oneof({ weight: 6, arbitrary: inside }, { weight: 1, arbitrary: fc.constantFrom(...borders) });
}

function objectArbitrary(schema: JsonSchema, options: SchemaOptions): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = Object.entries(properties).map(([name, property]) => {
    const value = options.fields[name] ?? schemaArbitrary(property, options);
    const isRequired = required.includes(name);
    // Most fields are left out, else hardly a request would be a valid whole.
    return fc
      .oneof(
        { weight: 1, arbitrary: value },
        { weight: isRequired ? 0 : 12, arbitrary: fc.constant(undefined) },
      )
      .map((drawn): [string, unknown] => [name, drawn]);
  });
  const extra =
    typeof additionalProperties === "object"
      ? fc.dictionary(fc.string({ maxLength: 3 }), schemaArbitrary(additionalProperties, options), {
          maxKeys: 3,
        })
      : fc.constant({});
  return fc
    .tuple(extra, ...fields)
    .map(([more, ...entries]) =>
      Object.fromEntries([
        ...Object.entries(more),
        ...entries.filter((entry): entry is [string, unknown] => entry[1] !== undefined),
      ]),
    );
}
