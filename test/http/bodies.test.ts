import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";

const request = { prompt: "7-2*3+4=", seed: 1, max_tokens: 8 };
const json = JSON.stringify(request);

let server: Awaited<ReturnType<typeof createTestApp>>;
let text: string;
beforeAll(async () => {
  server = await createTestApp({ bodyLimit: 100_000 });
  text = (await server.complete(request)).choices[0]!.text;
});
afterAll(() => server[Symbol.asyncDispose]());

const post = async (payload: Buffer | string, headers: Readonly<Record<string, string>> = {}) => {
  const reply = await server.app.inject({
    method: "POST",
    url: "/v1/completions",
    payload,
    headers: { "content-type": "application/json", ...headers },
  });
  const { choices, error } = reply.json<{ choices?: { text: string }[]; error?: Record<string, unknown> }>();
  return { status: reply.statusCode, headers: reply.headers, text: choices?.[0]?.text, error };
};

describe("compressed bodies", () => {
  it.each([
    ["gzip", gzipSync(json)],
    ["x-gzip", gzipSync(json)],
    ["GZIP", gzipSync(json)],
    ["deflate", deflateSync(json)],
    ["br", brotliCompressSync(json)],
    ["identity", Buffer.from(json)],
    ["", Buffer.from(json)],
  ])("%s is read", async (coding, payload) => {
    expect(await post(payload, { "content-encoding": coding })).toMatchObject({ status: 200, text });
  });

  it.each(["zstd", "compress", "gzip, gzip", "gzip;q=1", "foo"])("%s is refused as 415", async (coding) => {
    const reply = await post(gzipSync(json), { "content-encoding": coding });
    expect(reply).toMatchObject({
      status: 415,
      headers: { "accept-encoding": "gzip, deflate, br", "x-should-retry": "false" },
      error: { type: "invalid_request_error", code: "invalid_request", param: null },
    });
    expect(reply.error!.message).toContain(coding);
  });

  it.each([
    ["other bytes", "gzip", Buffer.from(json)],
    ["another coding", "br", gzipSync(json)],
    ["half of it", "gzip", gzipSync(json).subarray(0, 30)],
    ["half of it", "deflate", deflateSync(json).subarray(0, 20)],
    ["half of it", "br", brotliCompressSync(json).subarray(0, 10)],
  ])("%s for %s is refused as 400", async (_name, coding, payload) => {
    const reply = await post(payload, { "content-encoding": coding });
    expect(reply.status).toBe(400);
    expect(reply.error!.message).toContain(coding);
  });

  it("count as what they decompress to: a bomb is refused, and decompressed no further", async () => {
    for (const [coding, compress] of [
      ["gzip", gzipSync],
      ["deflate", deflateSync],
      ["br", brotliCompressSync],
    ] as const) {
      const before = process.memoryUsage().arrayBuffers;
      const bomb = compress(Buffer.alloc(60_000_000, " "));
      expect(bomb.length).toBeLessThan(100_000);
      const reply = await post(bomb, { "content-encoding": coding });
      expect(reply).toMatchObject({ status: 413, error: { code: "invalid_request" } });
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000_000);
    }
  });

  it("leave GETs alone that name a coding and have no body", async () => {
    const reply = await server.app.inject({ url: "/v1/models", headers: { "content-encoding": "zstd" } });
    expect(reply.statusCode).toBe(200);
  });
});

describe("bodies that are no JSON in UTF-8", () => {
  it.each([
    ["utf-8", Buffer.from(json)],
    ["UTF8", Buffer.from(json)],
    ['"us-ascii"', Buffer.from(json)],
    ["utf-8", Buffer.from(`\u{feff}${json}`)],
  ])("are fine in %s", async (charset, payload) => {
    expect(await post(payload, { "content-type": `application/json; charset=${charset}` })).toMatchObject({
      status: 200,
      text,
    });
  });

  it.each([
    ["utf-16", Buffer.from(json, "utf16le")],
    ["iso-8859-1", Buffer.from(json)],
    ["windows-1252", Buffer.from(json)],
    ["shift_jis", Buffer.from(json)],
  ])("are refused in %s", async (charset, payload) => {
    const reply = await post(payload, { "content-type": `application/json; charset=${charset}` });
    expect(reply.status).toBe(415);
    expect(reply.error!.message).toContain(charset);
  });

  it.each([
    ["bytes that are not UTF-8", Buffer.from('{"prompt": "\xe9"}', "latin1"), 400],
    ["half a character", Buffer.concat([Buffer.from('{"prompt": "'), Buffer.from("é").subarray(0, 1)]), 400],
    ["nothing", "", 400],
    ["no JSON", "{prompt: 1}", 400],
    ["half of it", '{"prompt": "', 400],
    ["a list", "[]", 400],
    ["null", "null", 400],
    ["too much", `{"prompt": "${"a".repeat(100_000)}"}`, 413],
  ])("are refused: %s", async (_name, payload, status) => {
    const reply = await post(payload);
    expect(reply.status).toBe(status);
    expect(reply.error).toMatchObject({ type: "invalid_request_error", code: "invalid_request" });
    expect(reply.error!.message).toMatch(/\.$/);
  });

  it.each([undefined, "text/plain", "application/x-www-form-urlencoded", "nonsense"])(
    "are refused as 415 where they are said to be %s",
    async (type) => {
      const reply = await server.app.inject({
        method: "POST",
        url: "/v1/completions",
        payload: Buffer.from(json),
        headers: type === undefined ? {} : { "content-type": type },
      });
      expect(reply.statusCode).toBe(415);
      expect(reply.json<{ error: { message: string } }>().error.message).toContain("application/json");
    },
  );
});

describe("a body that is not read says why", () => {
  const nested = (key: string): string => `{"prompt": "1+1=", "metadata": {"a": [{"b": ${key}}]}}`;
  it.each([
    [`{"prompt": "1+1=", "__proto__": {}}`, "key '__proto__'"],
    [`{"prompt": "1+1=", "__proto__": null}`, "key '__proto__'"],
    [nested(`{"__proto__": "harmless"}`), "key '__proto__'"],
    [nested(`{"\\u005f_proto__": 1}`), "key '__proto__'"],
    [nested(`{"constructor": {"prototype": {}}}`), "key 'constructor.prototype'"],
    [`{"prompt": `, "not valid JSON: Unexpected end"],
    [`{"prompt": "1+1=",}`, "not valid JSON: Expected"],
    [`{"prompt": "1+1=", "__proto__": {}`, "not valid JSON: Expected"],
    ["", "is empty"],
  ])("%s", async (payload, words) => {
    await using server = await createTestApp();
    const headers = { "content-type": "application/json" };
    const reply = await server.app.inject({ method: "POST", url: "/v1/completions", headers, payload });
    expect(reply.statusCode).toBe(400);
    const { error } = reply.json<{ error: { message: string; code: string } }>();
    expect(error).toMatchObject({ code: "invalid_request", param: null });
    expect(error.message).toContain(words);
    expect(error.message).toMatch(/^The body .*\.$/);
  });

  it("keys that only look like these are text, or unknown", async () => {
    await using server = await createTestApp();
    const { error } = (
      await server.post("/v1/completions", { prompt: "__proto__ constructor.prototype" })
    ).json() as { error: { message: string } };
    expect(error.message).toContain("vocabulary");
    await server.complete({
      prompt: "1+1=",
      constructor: null,
      metadata: { constructor: "a", prototype: {} },
    });
  });
});
