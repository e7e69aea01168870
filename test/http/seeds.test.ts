import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp } from "../support/embedded.ts";
import { openWatcher } from "../support/watcher.ts";

/** Seeds are any integers of 64 bits. JSON is written by hand here: JavaScript's numbers could not tell some apart. */

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = async (seed: string, more = "") => {
  const reply = await server.app.inject({
    method: "POST",
    url: "/v1/completions",
    payload: `{"prompt": "7-2*3+4=", "temperature": 20, "n": 4, "max_tokens": 24, "seed": ${seed}${more}}`,
    headers: { "content-type": "application/json" },
  });
  return { status: reply.statusCode, json: reply.json<CompletionResponse & { error: { param: string } }>() };
};
const textsOf = async (seed: string, more?: string): Promise<string> => {
  const { status, json } = await ask(seed, more);
  expect(status, `${seed}: ${JSON.stringify(json)}`).toBe(200);
  return json.choices.map(({ text }) => text).join("|");
};

describe("seeds", () => {
  const wide = [
    "0",
    "-1",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "1152921504606846976",
    "1152921504606846977",
    "9223372036854775806",
    "9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775807",
    "18446744073709551615",
  ];

  it("of 64 bits are told apart, to the last bit", async () => {
    const texts = await Promise.all(wide.map((seed) => textsOf(seed)));
    expect(new Set(texts).size).toBe(wide.length);
    expect(await Promise.all(wide.map((seed) => textsOf(seed)))).toEqual(texts);
  });

  it("may be strings of their digits", async () => {
    for (const seed of [...wide, "7"]) expect(await textsOf(`"${seed}"`)).toBe(await textsOf(seed));
  });

  it("may be written as JSON allows", async () => {
    expect(await textsOf("7.0")).toBe(await textsOf("7"));
    expect(await textsOf("1e3")).toBe(await textsOf("1000"));
    const one = await textsOf("9007199254740993");
    expect(await textsOf("\n 9007199254740993\t")).toBe(one);
    expect(await textsOf("9007199254740993", String.raw`, "user": "\"seed\": 12345678901234567890, "`)).toBe(
      one,
    );
    // As JavaScript writes 2^63 and -2^63.
    expect(await textsOf(JSON.stringify(2 ** 63))).toMatch(/./);
    expect(await textsOf(JSON.stringify(-(2 ** 63)))).toMatch(/./);
  });

  it.each(["1.5", "1e300", "36893488147419103232", '"seven"', '"0x10"', '""', "true", "[]"])(
    "are nothing else: %s",
    async (seed) => {
      const { status, json } = await ask(seed);
      expect(status).toBe(400);
      expect(json.error.param).toBe("seed");
    },
  );

  it("are told over a WebSocket so that they repeat the answer", async () => {
    const watcher = await openWatcher(server.app);
    const body = '"prompt": "7-2*3+4=", "temperature": 20, "n": 4, "max_tokens": 24';
    watcher.send(`{"id": "a", ${body}, "seed": -9223372036854775807}`);
    const end = await watcher.end("a");
    const texts = await textsOf("-9223372036854775807");
    expect(end.type === "done" && end.response.choices.map(({ text }) => text).join("|")).toBe(texts);
    expect(await textsOf(String(watcher.of("accepted", "a")[0]!.seed))).toBe(texts);
    watcher.socket.terminate();
  });
});
