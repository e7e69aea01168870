import { describe, expect, it, vi } from "vitest";
import { completionRequest } from "../../src/server/schemas/completions.ts";
import { detokenizeRequest } from "../../src/server/schemas/tokens.ts";
import { createTestApp, createEmbedded } from "../support/embedded.ts";
import { turnsDuring } from "../support/turns.ts";

/** Lists as long as the tokens of a megabyte: others are answered while they are written and read. */
const million = Array.from({ length: 1_000_000 }, (_, index) => index % 14);
/** Pieces that the work on a million is done in at least: a piece of that many is a few milliseconds' work. */
const leastTurns = 40;

async function createLongApp() {
  const completer = await createEmbedded();
  vi.spyOn(completer.prompts, "encode").mockResolvedValue([million]);
  return createTestApp({ completer, bodyLimit: 32 * 1024 * 1024 });
}

describe("a million tokens leave the thread to others", () => {
  it.each([
    ["/tokenize", { prompt: "1+1=" }, { count: million.length, tokens: million, token_strs: null }],
    ["/tokenize", { prompt: "1+1=", return_token_strs: true }, { count: million.length, tokens: million }],
    ["/detokenize", { tokens: million }, {}],
  ])("%s %#", async (url, body, expected) => {
    await using server = await createLongApp();
    let reply: Awaited<ReturnType<typeof server.post>> | undefined;
    const turns = await turnsDuring(async () => {
      reply = await server.post(url, body);
    });
    expect(reply!.status).toBe(200);
    expect(reply!.headers["content-type"]).toBe("application/json; charset=utf-8");
    const json = JSON.parse(reply!.text) as Record<string, unknown>;
    for (const [name, value] of Object.entries(expected)) expect(json[name]).toEqual(value);
    if ("return_token_strs" in body)
      expect((json.token_strs as string[]).join("")).toHaveLength(million.length);
    if (url === "/detokenize") expect(json.prompt).toBe(json.content);
    expect(turns).toBeGreaterThan(leastTurns);
  });
});

describe("a long list that is wrong is not described item by item", () => {
  const texts = Array.from({ length: 100_000 }, () => "a");
  it.each([
    ["too many texts", completionRequest, { prompt: texts }],
    ["ids with a text at their end", completionRequest, { prompt: [...million, "a"] }],
    ["lists of texts", completionRequest, { prompt: texts.map((text) => [text]) }],
    ["fractions", completionRequest, { prompt: million.map((id) => id + 0.5) }],
    ["texts for ids", detokenizeRequest, { tokens: texts }],
  ])("%s", (_name, schema, body) => {
    const { error } = schema.safeParse(body);
    expect(error?.issues).toHaveLength(1);
    expect(JSON.stringify(error?.issues).length).toBeLessThan(2000);
  });

  it("what is wrong is said", async () => {
    await using server = await createTestApp();
    for (const tokens of [["a"], [-1], [0.5], [null], "a", {}]) {
      const reply = await server.post("/detokenize", { tokens });
      expect(reply.status).toBe(400);
      expect(reply.json()).toMatchObject({
        error: { message: "tokens: must be a list of token ids, whole numbers from 0.", param: "tokens" },
      });
    }
    expect((await server.post("/detokenize", { tokens: [] })).json()).toEqual({ prompt: "", content: "" });
  });
});
