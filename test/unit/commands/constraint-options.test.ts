import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClientError } from "../../../src/client/client.ts";
import { byOptions, readConstraint } from "../../../src/commands/constraint-options.ts";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-constraints-"));
  await writeFile(at("schema.json"), '\uFEFF{"enum": [12, 345]}\r\n');
  await writeFile(at("true.json"), "true");
  await writeFile(at("broken.json"), '{"type": "integer", "minimum": }');
  await writeFile(at("form.ebnf"), 'root ::= "#" [0-9]+\n');
});
afterAll(() => rm(folder, { recursive: true }));

describe("options that hold an answer to something", () => {
  it("say nothing where none is given", async () => {
    expect(await readConstraint({})).toEqual({});
  });

  it("take schemas and grammars from files, or as they are", async () => {
    const schemaOf = async (jsonSchema: string): Promise<unknown> => {
      const text = (await readConstraint({ jsonSchema })).structured_outputs!.json;
      return JSON.parse(text as string);
    };
    expect(await schemaOf(at("schema.json"))).toEqual({ enum: [12, 345] });
    expect(await schemaOf(at("true.json"))).toBe(true);
    expect(await schemaOf(' {"type": "integer"}')).toEqual({ type: "integer" });
    const grammarOf = async (grammar: string) =>
      (await readConstraint({ grammar })).structured_outputs!.grammar;
    expect(await grammarOf(at("form.ebnf"))).toBe('root ::= "#" [0-9]+\n');
    expect(await grammarOf('root ::= "1"')).toBe('root ::= "1"');
  });

  it("pass patterns and texts on to the letter, an empty one too", async () => {
    expect((await readConstraint({ regex: "" })).structured_outputs).toMatchObject({ regex: "" });
    const choice = ["yes, it is", "no"];
    expect((await readConstraint({ choice })).structured_outputs).toMatchObject({ choice });
  });

  it.each([
    [() => ({ jsonSchema: at("none.json") }), /^--json-schema: .*none\.json cannot be read: .*not there/],
    [() => ({ jsonSchema: at("broken.json") }), /^--json-schema: .*broken\.json is no JSON: .*Give a JSON/],
    [() => ({ jsonSchema: '{"type"' }), /^--json-schema: the schema is no JSON: /],
    [() => ({ jsonSchema: at("form.ebnf") }), /^--json-schema: .*form\.ebnf is no JSON/],
    [() => ({ grammar: at("none.ebnf") }), /^--grammar: .*none\.ebnf cannot be read/],
    [() => ({ grammar: folder }), /^--grammar: .* cannot be read: it is a folder/],
  ])("name the option whose file will not do: %#", async (settings, message) => {
    await expect(readConstraint(settings())).rejects.toThrow(message);
  });

  it("are named where the server refuses what they say", () => {
    const said = (message: string): Error =>
      byOptions(new ClientError("invalid_request", message, { param: "structured_outputs.json" })) as Error;
    expect(
      said("structured_outputs.json and structured_outputs.regex cannot both hold the answer.").message,
    ).toBe("--json-schema and --regex cannot both hold the answer.");
    expect(said("structured_outputs.json_object is another field.").message).toContain("json_object is");
    expect(said("structured_outputs.json: no.")).toMatchObject({
      code: "invalid_request",
      param: "structured_outputs.json",
    });
    const bug = new TypeError("structured_outputs.json");
    expect(byOptions(bug)).toBe(bug);
  });
});
