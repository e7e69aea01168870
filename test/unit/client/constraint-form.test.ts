import { describe, expect, it } from "vitest";
import { constraintChoices } from "../../../src/client/client.ts";
import type { ModelInfo } from "../../../src/decoder/completer.ts";
import { compile } from "../../../src/grammar/compile.ts";
import { planConstraint } from "../../../src/server/constraint-plan.ts";
import { completionNames } from "../../../src/server/field-names.ts";
import { dropNulls } from "../../../src/server/given.ts";
import { completionRequest } from "../../../src/server/schemas/completions.ts";

const model = { capabilities: { constraints: true } } as ModelInfo;

/** What the server takes from what a form says. */
const planned = (structured_outputs: object) =>
  planConstraint(
    dropNulls(completionRequest.parse({ prompt: "1+1=", structured_outputs })),
    { names: completionNames },
    model,
  );

describe("the choices of a constraint in a form", () => {
  it("are all that structured_outputs may say", async () => {
    let words = "";
    try {
      await planned({});
    } catch (error) {
      words = /give one of ([^.]*?), or/.exec((error as Error).message)![1]!;
    }
    const names = words.split(", ").map((name) => `structured_outputs.${name}`);
    expect(names.sort()).toEqual(constraintChoices.map(({ field }) => field).sort());
  });

  it.each(constraintChoices)(
    "hold to what is written, by the field that errors name: $field",
    async (choice) => {
      const { constraint } = await planned(choice.read(choice.example ?? ""));
      expect(constraint!.field).toBe(choice.field);
      expect(() => compile(constraint!.language)).not.toThrow();
      expect(choice.meaning).toMatch(/\.$/);
    },
  );

  it("have texts one a line", () => {
    const { read } = constraintChoices.find(({ field }) => field === "structured_outputs.choice")!;
    expect(read("yes, it is\r\nno\n\n")).toEqual({ choice: ["yes, it is", "no"] });
  });
});
