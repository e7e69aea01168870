import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/core/json-value.ts";
import { GrammarError } from "../../../src/grammar/grammar-error.ts";
import { readerOf } from "../../support/language.ts";

/** JSON Schema's own test suite, the required part of draft 2020-12. */
interface Suite {
  readonly groups: readonly {
    readonly file: string;
    readonly description: string;
    readonly schema: Json;
    readonly tests: readonly { readonly description: string; readonly data: Json; readonly valid: boolean }[];
  }[];
}
const path = new URL("../../fixtures/json-schema-test-suite.json", import.meta.url);
const { groups } = JSON.parse(readFileSync(path, "utf8")) as Suite;

/** Valid values that are not drawn, and why: all that the suite has of them. */
const notDrawn: readonly (readonly [why: string, is: RegExp])[] = [
  ["members come in the schema's order", /^(allOf\/allOf|const\/const with object|dependentRequired)/],
  ["formats are kept to, not annotations", /^format\//],
  ["metaschemas are not read", /^vocabulary\//],
];

/** What a schema is refused for: by keyword, by its place, or as a whole. */
const refusals =
  /^has ('\$?[a-zA-Z]+' at #|format '"[a-z-]+"' at #|\$ref '.*' at #.*(begin with #|names nothing)|\$id in a part|oneOf at '.*exclude each other|multipleOf 0\.123456789)/;

type Outcome = "refused" | "taken" | "empty";

function readOf(schema: Json): {
  readonly outcome: Outcome;
  readonly holds: (data: Json) => boolean;
  readonly why: string;
} {
  try {
    const reads = readerOf({ kind: "json_schema", schema, isClosed: false });
    return { outcome: "taken", holds: (data) => reads(JSON.stringify(data)), why: "" };
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    const isEmpty = error.message.includes("allows no text at all");
    return { outcome: isEmpty ? "empty" : "refused", holds: () => false, why: error.message };
  }
}

describe("JSON Schema's test suite", () => {
  const read = groups.map((group) => ({ ...group, ...readOf(group.schema) }));

  it("has no value drawn that its schema rejects", () => {
    const wrong = read.flatMap(({ file, description, outcome, tests, holds }) =>
      tests
        .filter(({ data, valid }) => outcome !== "refused" && !valid && holds(data))
        .map((test) => `${file}/${description}/${test.description}`),
    );
    expect(wrong).toEqual([]);
  });

  it("has every value drawn that a schema accepts which is taken, but for those of which it is said why not", () => {
    const missing = read.flatMap(({ file, description, outcome, tests, holds }) =>
      tests
        .filter(({ data, valid }) => outcome !== "refused" && valid && !holds(data))
        .map((test) => `${file}/${description}/${test.description}`),
    );
    expect(missing.filter((name) => !notDrawn.some(([, is]) => is.test(name)))).toEqual([]);
    expect(missing).toHaveLength(15);
  });

  it("has its schemas taken, or refused by the name of what is not supported", () => {
    const refused = read.filter(({ outcome }) => outcome === "refused");
    for (const { why } of refused) expect(why).toMatch(refusals);
    expect({ schemas: groups.length, taken: groups.length - refused.length }).toEqual({
      schemas: 383,
      taken: 219,
    });
    // What is refused beyond references to other documents and keywords that look at what others left.
    const others = refused.filter(({ why }) => !/unevaluated|\$dynamic|\$id|\$ref|format/.test(why));
    expect(others.length).toBeLessThan(30);
  });
});

describe("objects that list properties and leave additionalProperties out", () => {
  const schema = { properties: { a: { type: "integer" } } };
  const texts = ['{"a":1}', '{"a":1,"b":2}', '{"b":2}', "{}", "[]"];

  it("have no others where schemas are taken as closed", () => {
    expect(texts.filter(readerOf({ kind: "json_schema", schema, isClosed: true }))).toEqual([
      '{"a":1}',
      "{}",
      "[]",
    ]);
  });

  it("have others where they are taken as the specification reads, or say so", () => {
    expect(texts.filter(readerOf({ kind: "json_schema", schema, isClosed: false }))).toEqual(texts);
    const open = { ...schema, additionalProperties: true };
    expect(texts.filter(readerOf({ kind: "json_schema", schema: open, isClosed: true }))).toEqual(texts);
  });
});

describe("JSON texts", () => {
  const reads = (schema: Json) => readerOf({ kind: "json_schema", schema, isClosed: true });

  it("are any that readers of JSON take: escapes, white space, numbers", () => {
    const holds = reads({ type: "object", properties: { a: {} } });
    for (const text of [
      '{"a":"\\u00e9\\n\\/"}',
      '{ "a" :\n\t[1, -0.5e+10, true, null] }',
      '{"a":"\\ud83d\\ude00"}',
      '{"a":"é😀"}',
    ])
      expect([text, holds(text)]).toEqual([text, true]);
    for (const text of [
      '{"a":"\\ud83d"}',
      '{"a":"\n"}',
      '{"a":01}',
      '{"a":1,}',
      '{"a":+1}',
      '{"a":"\\x"}',
      "{a:1}",
    ])
      expect([text, holds(text)]).toEqual([text, false]);
  });

  it.each<[string, Json, string[], string[]]>([
    [
      "lengths count characters",
      { type: "string", minLength: 2, maxLength: 3 },
      ['"éé"', '"😀😀😀"', '"\\u00e9b"'],
      ['"é"', '"abcd"'],
    ],
    ["patterns match anywhere", { type: "string", pattern: "b+" }, ['"abc"', '"b"'], ['"ac"']],
    [
      "patterns and lengths together",
      { type: "string", pattern: "^[a-c]*$", maxLength: 2 },
      ['"ab"', '""'],
      ['"abc"', '"d"'],
    ],
    ["anchors within groups", { type: "string", pattern: "(^a|b$)" }, ['"ax"', '"xb"'], ['"xa"', '"bx"']],
    [
      "dates are dates",
      { type: "string", format: "date" },
      ['"2024-02-29"', '"1999-12-31"'],
      ['"2023-02-29"', '"2023-04-31"'],
    ],
    [
      "times",
      { type: "string", format: "date-time" },
      ['"2024-02-29T23:59:59.5Z"'],
      ['"2024-02-29 23:59:59Z"'],
    ],
    ["uuids", { type: "string", format: "uuid" }, ['"2eb8aa08-aa98-11ea-b4aa-73b441d16380"'], ['"2eb8aa08"']],
    [
      "bounds",
      { type: "number", minimum: -1.5, exclusiveMaximum: 20 },
      ["-1.5", "-1.49", "0", "19.999"],
      ["-1.51", "20", "20.0"],
    ],
    ["multiples", { type: "integer", multipleOf: 7, minimum: 1 }, ["7", "21", "700"], ["0", "8", "-7"]],
    ["unions", { anyOf: [{ type: "null" }, { type: "boolean" }] }, ["null", "true"], ["0"]],
    [
      "one of several that exclude each other",
      {
        oneOf: [
          {
            type: "object",
            properties: { kind: { const: "cat" }, lives: { type: "integer" } },
            required: ["kind", "lives"],
          },
          { type: "object", properties: { kind: { const: "dog" } }, required: ["kind"] },
        ],
        discriminator: { propertyName: "kind" },
      },
      ['{"kind":"cat","lives":9}', '{"kind":"dog"}'],
      ['{"kind":"cat"}', '{"kind":"cow"}'],
    ],
    [
      "recursion",
      {
        $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } } } },
        $ref: "#/$defs/node",
      },
      ["{}", '{"next":{"next":{}}}'],
      ['{"next":1}'],
    ],
    [
      "tuples",
      { type: "array", prefixItems: [{ type: "integer" }, { type: "string" }], items: false },
      ["[]", "[1]", '[1,"a"]'],
      ['["a"]', '[1,"a",2]'],
    ],
    [
      "what is contained",
      { type: "array", items: { type: "integer" }, contains: { minimum: 5 } },
      ["[1,7]", "[5]"],
      ["[1]", "[]"],
    ],
    [
      "if and else",
      { type: "integer", if: { minimum: 10 }, then: { multipleOf: 10 }, else: { maximum: 5 } },
      ["20", "3"],
      ["15", "7"],
    ],
    [
      "names",
      { type: "object", propertyNames: { pattern: "^x" }, additionalProperties: { type: "null" } },
      ['{"xa":null}', "{}"],
      ['{"a":null}'],
    ],
    [
      "counts of members",
      { type: "object", minProperties: 1, maxProperties: 2, properties: { a: {}, b: {}, c: {} } },
      ['{"a":1}', '{"a":1,"c":2}'],
      ["{}", '{"a":1,"b":1,"c":1}'],
    ],
  ])("%s", (_, schema, inside, outside) => {
    const holds = reads(schema);
    expect(inside.filter((text) => !holds(text))).toEqual([]);
    expect(outside.filter(holds)).toEqual([]);
  });
});
