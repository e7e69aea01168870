import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { MetropolisClient } from "../../src/client/client.ts";
import type { ChatRequest, CompleteRequest, RespondRequest } from "../../src/client/client.ts";
import { writeByteModel } from "../support/byte-model.ts";
import { textOf } from "../support/embedded.ts";
import { ServerProcess } from "../support/server-process.ts";

/** Answers of the typed client that are held to schemas, as callers have them. The model takes any text. */

let folder: string;
let server: ServerProcess;
let client: MetropolisClient;
beforeAll(async () => {
  folder = await writeByteModel({ maxPositions: 2048 });
  const template = fileURLToPath(new URL("../../templates/chatml-tools.jinja", import.meta.url));
  server = await ServerProcess.start(["--model", folder, "--chat-template", template]);
  client = new MetropolisClient({ baseUrl: server.url });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const Answer = z.object({
  sign: z.enum(["+", "-"]),
  digits: z.array(z.int().min(0).max(9)).max(2),
  day: z.iso.date().optional(),
});
const schema = z.toJSONSchema(Answer);
const own = { seed: 1, sampler: "power", mcmc_steps: 2, alpha: 2 } as const;
const answerOf = (text: string): z.output<typeof Answer> => Answer.parse(JSON.parse(text));

describe("the client's types", () => {
  it("take schemas as zod makes them, as constants, and of interfaces", () => {
    interface Schema {
      type: string;
      properties?: Record<string, Schema>;
    }
    const declared: Schema = { type: "object", properties: { a: { type: "integer" } } };
    const constant = { enum: [1, 2] } as const;
    const bodies: (CompleteRequest | ChatRequest | RespondRequest)[] = [schema, declared, constant].flatMap(
      (one): (CompleteRequest | ChatRequest | RespondRequest)[] => [
        { prompt: "1+1=", structured_outputs: { json: one } },
        { prompt: "1+1=", guided_json: one },
        { messages: [], response_format: { type: "json_schema", json_schema: { name: "a", schema: one } } },
        { messages: [], response_format: { type: "json_object", schema: one } },
        { messages: [], tools: [{ type: "function", function: { name: "a", parameters: one } }] },
        { input: "", text: { format: { type: "json_schema", name: "a", schema: one } } },
        { input: "", tools: [{ type: "function", name: "a", parameters: one }] },
      ],
    );
    // @ts-expect-error -- a number is no schema
    bodies.push({ prompt: "1+1=", structured_outputs: { json: 7 } });
    // @ts-expect-error -- patterns are texts
    bodies.push({ prompt: "1+1=", structured_outputs: { regex: /a/ } });
    // @ts-expect-error -- a misspelled field
    bodies.push({ prompt: "1+1=", structured_outputs: { regexp: "a" } });
    expect(bodies).toHaveLength(24);
  });
});

describe("answers that the client holds to a schema of zod's", () => {
  it("come from complete, chat and respond", async () => {
    const { choices } = await client.complete({
      ...own,
      prompt: "1+1=",
      max_tokens: 200,
      structured_outputs: { json: schema },
    });
    expect(choices[0]!.finish_reason).toBe("stop");
    answerOf(choices[0]!.text);
    const chat = await client.chat({
      ...own,
      messages: [{ role: "user", content: "1+1=" }],
      max_tokens: 200,
      response_format: { type: "json_schema", json_schema: { name: "answer", schema } },
    });
    answerOf(chat.choices[0]!.message.content!);
    const response = await client.respond({
      ...own,
      input: "1+1=",
      max_output_tokens: 200,
      text: { format: { type: "json_schema", name: "answer", schema } },
    });
    expect(textOf(response)).toBe(chat.choices[0]!.message.content);
  });

  it("are of a pattern where they are watched, and say which field was refused", async () => {
    let last = "";
    for await (const event of client.watch({
      ...own,
      prompt: "1+1=",
      proposal_temperature: 1,
      structured_outputs: { regex: "#[0-9]{1,2}" },
    }))
      if (event.type === "done") last = event.response.choices[0]!.text;
    expect(last).toMatch(/^#[0-9]{1,2}$/);
    const refused = client.complete({ prompt: "1+1=", structured_outputs: { regex: "(" } });
    await expect(refused).rejects.toMatchObject({
      code: "invalid_request",
      param: "structured_outputs.regex",
    });
  });

  it("are calls of tools", async () => {
    const { choices } = await client.chat({
      ...own,
      messages: [{ role: "user", content: "What is 1 + 2?" }],
      max_tokens: 400,
      tools: [{ type: "function", function: { name: "add", parameters: schema } }],
      tool_choice: { type: "function", function: { name: "add" } },
    });
    expect(choices[0]!.finish_reason).toBe("tool_calls");
    const [call] = choices[0]!.message.tool_calls!;
    expect(call!.function.name).toBe("add");
    answerOf(call!.function.arguments);
  });
});
