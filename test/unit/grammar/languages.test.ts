import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Language } from "../../../src/grammar/constraint.ts";
import { Constraints } from "../../../src/grammar/constraints.ts";
import { readerOf } from "../../support/language.ts";

const regex = (pattern: string): Language => ({ kind: "regex", pattern });

/** Patterns over two letters, of everything that is a regular set. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\w", "é", "", "\\x61"),
    fc.tuple(tie("pattern"), tie("pattern")).map(([one, other]) => `${one}${other}`),
    fc.tuple(tie("pattern"), tie("pattern")).map(([one, other]) => `(?:${one}|${other})`),
    fc
      .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"))
      .map(([one, times]) => `(${one})${times}`),
  ),
})).pattern;
const text = fc.string({ unit: fc.constantFrom("a", "b", "é", "c"), maxLength: 7 });

describe("regular expressions", () => {
  it("hold what the runtime's own match as a whole", () => {
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 5 }), (source, texts) => {
        const own = new RegExp(`^(?:${source})$`, "u");
        const known = texts.filter((one) => own.test(one));
        expect(texts.filter(readerOf(regex(source)))).toEqual(known);
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it.each([
    ["(?P<year>\\d{4})", "1999", "199"],
    ["\\p{Lu}\\p{Ll}+", "Éa", "éa"],
    ['\\-\\"\\_', '-"_', "-"],
    ["^ab$", "ab", "abc"],
    ["[\\s\\S]{2}", "\n😀", "a"],
    ["[^\\n]+", "😀b", "\n"],
  ])("are read as other dialects write them: %s", (source, inside, outside) => {
    const holds = readerOf(regex(source));
    expect([holds(inside), holds(outside)]).toEqual([true, false]);
  });
});

describe("grammars", () => {
  it.each([
    ['root ::= "a" ("b" | [c-e])* # letters', ["a", "abce"], ["b", "af"]],
    ['root ::= open\nopen ::= "(" open ")" | ""', ["", "((()))"], ["(()", ")("]],
    [
      'root ::= item ("," item){1,2}\nitem ::= [0-9]+ | "\\"" [^"\\n]* "\\""',
      ['1,"x"', "1,2,3"],
      ["1", "1,2,3,4"],
    ],
    ['root ::= "\\u00e9" | "\\x41" .', ["é", "Ab"], ["A"]],
    ['root ::= "\\ud83d\\ude00" | [\\ud83d\\ude00-\\ud83d\\ude02]{2}', ["😀", "😁😂"], ["😂"]],
  ])("are of EBNF: %s", (grammar, inside, outside) => {
    const holds = readerOf({ kind: "grammar", grammar });
    expect(inside.filter((one) => !holds(one))).toEqual([]);
    expect(outside.filter(holds)).toEqual([]);
  });
});

describe("grammars that are none", () => {
  const read = (grammar: string) => () => readerOf({ kind: "grammar", grammar });
  it.each<[string, RegExp]>([
    ['root ::= "a"{3,1}', /bounds ascend/],
    ["root ::= []", /a character in a class/],
    ['root ::= "\\ud83d" | "x"', /a code point/],
    ["root ::= [\\ude00] | [a]", /a code point/],
    ['root ::= "\\U00110000"', /a code point/],
  ])("are refused: %s", (grammar, message) => {
    expect(read(grammar)).toThrow(message);
  });

  it.each([
    ['root ::= "a" x\nx ::= x "b" | "c"', "x"],
    ['root ::= "abcdefgh" x\nx ::= e x "b" | "c"\ne ::= "" | "d"', "x"],
    ['root ::= "a" y\ny ::= z? z\nz ::= y "b" | "c"', "y|z"],
    ['root ::= "a"\nunused ::= unused "b" | "c"', "unused"],
    ["root ::= root", "root"],
  ])("are refused before they are read where a rule begins with itself: %s", (grammar, name) => {
    expect(read(grammar)).toThrow(new RegExp(`left-recursive rule, '(${name})'`));
  });

  it.each([
    ['root ::= "a" root | ""', "aaa"],
    ['root ::= x root? \nx ::= "(" root ")" | "a"', "(a)a"],
  ])("are none that recur behind something: %s", (grammar, text) => {
    expect(readerOf({ kind: "grammar", grammar })(text)).toBe(true);
  });
});

describe("languages made of others", () => {
  it("are one after the other, one of several, several of one, and free text that lacks some", () => {
    const call: Language = {
      kind: "sequence",
      parts: [
        { kind: "choice", options: ["<call>"] },
        { kind: "json_object" },
        { kind: "choice", options: ["</call>"] },
      ],
    };
    const holds = readerOf({
      kind: "either",
      options: [
        { kind: "text_without", texts: ["<call>"] },
        { kind: "repeat", of: call, least: 1, most: 2 },
      ],
    });
    for (const one of ["", "hello <cal", '<call>{"a":1}</call>', "<call>{}</call><call>{}</call>"])
      expect([one, holds(one)]).toEqual([one, true]);
    for (const one of ["x<call>", "<call>{}", "<call>{}</call><call>{}</call><call>{}</call>"])
      expect([one, holds(one)]).toEqual([one, false]);
  });
});

describe("constraints over tokens", () => {
  const spelling = ["a", "b", "ab", "é", "x\u0000", ""];
  const end = spelling.length - 1;
  const constraints = new Constraints(() => ({
    size: end + 1,
    bytesOf: (token) => (token === end ? undefined : Buffer.from(spelling[token]!)),
  }));
  const permitted = (language: Language, tokens: readonly number[]): number[] => {
    const { start } = constraints.compile({ language, field: "f" }, new Set([end]));
    const ids: number[] = [];
    tokens
      .reduce((state, token) => state.after(token), start)
      .permitted()
      .forEach((token) => ids.push(token));
    return ids;
  };

  it("permit what leads to an end, and an end where there is one", () => {
    expect(permitted(regex("ab?"), [])).toEqual([0, 2]);
    expect(permitted(regex("ab?"), [0])).toEqual([1, end]);
    expect(permitted(regex("ab?"), [2])).toEqual([end]);
  });

  it("permit nothing that leads to what no token can write", () => {
    // After "a" comes "c", which no token has.
    expect(permitted(regex("ac|bé"), [])).toEqual([1]);
    // Its two characters are one token, but neither is one by itself.
    expect(() => permitted(regex("x\\u0000"), [])).toThrow(/no text at all/);
  });

  it("are the same object for the same language, by whatever field", () => {
    const compile = (field: string, pattern: string) =>
      constraints.compile({ language: regex(pattern), field }, new Set([end]));
    expect(compile("one", "a")).toBe(compile("other", "a"));
    expect(compile("one", "a").key).not.toBe(compile("one", "b").key);
  });
});

describe("constraints that are hostile, or merely huge", () => {
  const bytes = new Constraints(() => ({
    size: 257,
    bytesOf: (token) => (token < 256 ? Uint8Array.of(token) : undefined),
  }));
  const compile = (language: Language) => bytes.compile({ language, field: "f" }, new Set([256]));
  const nested = (depth: number): unknown =>
    Array.from({ length: depth }).reduce<unknown>((schema) => ({ properties: { a: schema } }), {});
  const manyProperties = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: "integer" }]));
  const schema = (value: unknown): Language => ({
    kind: "json_schema",
    schema: value as never,
    isClosed: true,
  });

  it.each<[string, Language, RegExp]>([
    [
      "many members that are counted",
      schema({ type: "object", properties: manyProperties(500), minProperties: 60 }),
      /states/,
    ],
    [
      "more items than there may be",
      schema({ type: "array", prefixItems: [true, true], minItems: 2, maxItems: 1 }),
      /no text at all/,
    ],
    ["multiples of many digits", schema({ multipleOf: 9.97e-18 }), /multipleOf 9\.97e-18/],
    ["numbers beyond a double", schema({ minimum: Infinity }), /1.8e308/],
    ["numbers beyond a double within", schema({ enum: [{ a: [-Infinity] }] }), /1.8e308/],
    ["deep", schema(nested(500)), /more than 64 deep/],
    ["deeper than the stack", schema(nested(50_000)), /more states/],
    [
      "wide",
      schema({
        properties: Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`p${index}`, {}])),
      }),
      /more than 500 properties/,
    ],
    ["long", { kind: "choice", options: ["a".repeat(300_000)] }, /more than 262144 characters/],
    [
      "alternatives that multiply",
      schema({
        allOf: Array.from({ length: 20 }, (_, index) => ({
          anyOf: [{ minimum: index }, { maxLength: index }],
        })),
      }),
      /more than 512 combinations/,
    ],
    [
      "patterns that multiply",
      schema({ allOf: ["a.{30}b", "b.{30}c", "c.{30}d"].map((one) => ({ pattern: one })), type: "string" }),
      /more states/,
    ],
    ["groups without end", regex("(".repeat(5000) + ")".repeat(5000)), /more than 200 groups/],
    [
      "a reference to itself from the left",
      { kind: "grammar", grammar: 'root ::= other "a"\nother ::= root | "b"' },
      /left-recursive/,
    ],
    ["rules that never end", { kind: "grammar", grammar: 'root ::= "a" root' }, /no text at all/],
    ["a repetition of millions", regex("a{2000000}"), /more states/],
  ])("are refused: %s", (_, language, why) => {
    expect(() => compile(language)).toThrow(why);
  });

  it.each(["(a+)+b", "(a|a)*b", "(a*)*b", "(.*a){30}", "(a?){200}a{200}", "(x+x+)+y"])(
    "take no longer than others, though backtracking would never end: %s",
    (source) => {
      let state = compile(regex(source)).start;
      const byte = source.includes("x") ? 0x78 : 0x61;
      for (let index = 0; index < 60; index++) {
        expect(state.permitted().has(byte)).toBe(true);
        state = state.after(byte);
      }
    },
  );

  it("are given up in mid-answer where they come to too many states", () => {
    let state = compile(regex("((a{1,100}){1,100}){1,100}")).start;
    expect(() => {
      for (let index = 0; index < 10_000; index++) {
        state.permitted();
        state = state.after(0x61);
      }
    }).toThrow(/more states/);
  });

  it("are read with many members, any of which may be left out", () => {
    const holds = readerOf(schema({ type: "object", properties: manyProperties(500), required: ["p250"] }));
    for (const names of [["p250"], ["p0", "p1", "p17", "p250"], ["p3", "p250", "p266", "p499"]])
      expect([names, holds(`{${names.map((name) => `"${name}":1`).join()}}`)]).toEqual([names, true]);
    for (const names of [["p0"], ["p250", "p249"], ["p250", "p250"], ["p250", "p500"]])
      expect([names, holds(`{${names.map((name) => `"${name}":1`).join()}}`)]).toEqual([names, false]);
  });

  it("are read to any depth where they refer to themselves", () => {
    const tree = schema({ $defs: { t: { type: "array", items: { $ref: "#/$defs/t" } } }, $ref: "#/$defs/t" });
    let state = compile(tree).start;
    for (let depth = 0; depth < 300; depth++) state = state.after("[".charCodeAt(0));
    for (let depth = 0; depth < 300; depth++) state = state.after("]".charCodeAt(0));
    expect(state.permitted().has(256)).toBe(true);
  });
});
