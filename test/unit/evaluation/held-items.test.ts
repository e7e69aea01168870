import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CompletionSource } from "../../../src/evaluation/completion-source.ts";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import { createTestApp } from "../../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
let source: CompletionSource;
beforeAll(async () => {
  server = await createTestApp();
  await server.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = server.app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  source = new CompletionSource({ url, apiKey: undefined, model: undefined, isPlain: false });
});
afterAll(() => server[Symbol.asyncDispose]());

async function answersTo(line: object): Promise<string[]> {
  const [item] = parseDataSet(JSON.stringify({ id: 1, answer: "17", ...line }), {
    grader: "exact",
    allowCommands: false,
    allowCode: false,
    name: "held.jsonl",
  });
  const fields = { n: 4, sampler: "power", mcmc_steps: 2, max_tokens: 24, seed: 1 };
  const { samples } = await source.sample(item!, fields, new AbortController().signal);
  return samples.map(({ text }) => text);
}

describe("items that hold their answers to something", () => {
  it("get such answers to prompts and to messages", async () => {
    const messages = [{ role: "user", content: "1+1=" }];
    const schema = { type: "integer", minimum: 20, maximum: 29 };
    const response_format = { type: "json_schema", json_schema: { name: "n", schema } };
    for (const text of await answersTo({ prompt: "1+1=", structured_outputs: { choice: ["17", "23"] } }))
      expect(["17", "23"]).toContain(text);
    for (const text of await answersTo({ messages, response_format })) expect(text).toMatch(/^2\d$/);
    for (const text of await answersTo({ messages })) expect(text).toMatch(/#/);
  });

  it("are refused by the server for what it cannot hold to, and as lines for what is no object", async () => {
    await expect(answersTo({ prompt: "1+1=", structured_outputs: { regex: "(" } })).rejects.toThrow(
      /structured_outputs\.regex has a pattern that is no regular expression/,
    );
    await expect(answersTo({ prompt: "1+1=", structured_outputs: { regexp: "1" } })).rejects.toThrow(
      /regexp/,
    );
    await expect(answersTo({ prompt: "1+1=", structured_outputs: "1" })).rejects.toThrow(
      /line 1: .*structured_outputs/,
    );
  });
});
