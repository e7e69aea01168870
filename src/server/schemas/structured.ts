import { z } from "zod";
import type { Json } from "../../core/json-value.ts";
import { described } from "../../samplers/described.ts";
import { body } from "./body.ts";
import { listed } from "./lists.ts";
import { harmless, refused } from "./unoffered.ts";

/** What an answer is held to, as OpenAI's, vLLM's present and vLLM's former requests say it. */

const isSchema = (value: unknown): boolean =>
  typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value));

/** Callers have schemas of types that libraries declare (zod's, TypeBox's), which no type of all JSON takes in. */
const schema = z
  .custom<Json>(isSchema, { error: "must be a JSON schema: an object, true or false" })
  .meta({ type: ["object", "boolean"] }) as z.ZodType as z.ZodType<Json, object | boolean>;

/** vLLM's clients send schemas as text, too. */
const schemaOrText = z.union([schema, z.string()], {
  error: "must be a JSON schema: an object, true or false, or the text of one",
});

const exampleSchema = {
  type: "object",
  properties: { answer: { type: "integer" } },
  required: ["answer"],
  additionalProperties: false,
};

const jsonSchemaFields = {
  name: described(z.string().nullish(), "What it is called; no effect.", "answer"),
  description: harmless("What the answer is for."),
  schema: described(schema, "The schema, draft 2020-12.", exampleSchema),
  strict: described(
    z.boolean().nullish(),
    "The answer is valid either way. `false`: objects that list properties and leave additionalProperties out may have others, as the specification reads; otherwise they have none.",
    true,
  ),
};

const plainText = body({ type: described(z.literal("text"), "No constraint.", "text") });
const jsonObject = described(z.literal("json_object"), "Any JSON object.", "json_object");
const jsonSchema = described(z.literal("json_schema"), "What a JSON schema allows.", "json_schema");

export const responseFormat = z
  .discriminatedUnion(
    "type",
    [
      plainText,
      body({
        type: jsonObject,
        schema: described(
          schema.nullish(),
          "What JSON schema the object has, as llama.cpp's clients and others say it; read as with strict.",
          exampleSchema,
        ),
      }),
      body({
        type: jsonSchema,
        json_schema: described(body(jsonSchemaFields), "The schema, and how it is read.", {
          name: "answer",
          schema: exampleSchema,
          strict: true,
        }),
      }),
    ],
    { error: "response_format.type must be one of text, json_object, json_schema" },
  )
  .nullish();

/** The same in the Responses API, where the schema's fields stand beside the type. */
export const textFormat = z.discriminatedUnion(
  "type",
  [plainText, body({ type: jsonObject }), body({ type: jsonSchema, ...jsonSchemaFields })],
  { error: "text.format.type must be one of text, json_object, json_schema" },
);

const options = listed(z.string()).min(1, "must list at least one text");

export const structuredOutputs = body({
  json: described(schemaOrText.nullish(), "A JSON schema.", exampleSchema),
  regex: described(z.string().nullish(), "A regular expression for all of the answer.", "#[0-9]+"),
  choice: described(options.nullish(), "The texts that the answer is one of.", ["yes", "no"]),
  grammar: described(
    z.string().nullish(),
    "A grammar in EBNF, which begins with the rule `root`.",
    'root ::= "#" [0-9]+',
  ),
  json_object: described(z.boolean().nullish(), "Any JSON object.", true),
  disable_additional_properties: described(
    z.boolean().nullish(),
    "`false`: objects that list properties and leave additionalProperties out may have others. Default: they have none.",
    true,
  ),
  structural_tag: refused("structural_tag"),
  whitespace_pattern: refused("whitespace_pattern"),
  disable_any_whitespace: refused("disable_any_whitespace", [false]),
  disable_fallback: harmless(false),
}).nullish();

/** Of both endpoints. */
export const structuredFields = {
  response_format: described(
    responseFormat,
    "What the answer is held to: JSON of any kind, or of a schema. docs/structured-output.md says how that goes with each sampler.",
    { type: "json_object" },
  ),
  structured_outputs: described(
    structuredOutputs,
    "The same in vLLM's words: one of json, regex, choice, grammar, json_object.",
    { regex: "#[0-9]+" },
  ),
  guided_json: described(
    schemaOrText.nullish(),
    "structured_outputs.json, under its former name.",
    exampleSchema,
  ),
  guided_regex: described(
    z.string().nullish(),
    "structured_outputs.regex, under its former name.",
    "#[0-9]+",
  ),
  guided_choice: described(options.nullish(), "structured_outputs.choice, under its former name.", [
    "yes",
    "no",
  ]),
  guided_grammar: described(
    z.string().nullish(),
    "structured_outputs.grammar, under its former name.",
    'root ::= "#" [0-9]+',
  ),
  guided_decoding_backend: harmless("auto"),
  guided_whitespace_pattern: refused("guided_whitespace_pattern"),
};
