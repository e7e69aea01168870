import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { embeddedModel } from "../../../src/assembly/embedded-model.ts";
import { createCompleter } from "../../../src/assembly/create-completer.ts";
import { usualEngine } from "../../../src/assembly/engine-settings.ts";
import type { EngineServer } from "../../../src/assembly/engine-settings.ts";
import { describeServer, openServer } from "../../../src/assembly/server-engine.ts";
import type { TokenIds } from "../../../src/core/tokens.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import { remoteDetails } from "../../../src/engine/health.ts";
import type { ServerMark } from "../../../src/engine/health.ts";
import { servedAbacus } from "../../support/fake-servers/abacus.ts";
import type { FakeModel } from "../../support/fake-servers/fake-server.ts";
import { FakeVllm } from "../../support/fake-servers/vllm.ts";
import { createToyModel } from "../../support/toy-model.ts";

let fake: FakeVllm;
beforeEach(async () => {
  fake = await new FakeVllm(await servedAbacus()).start();
});
afterEach(() => fake[Symbol.asyncDispose]());

const serverAt = (changes: Partial<EngineServer> = {}): EngineServer => ({
  dialect: "vllm",
  url: fake.url,
  key: undefined,
  model: undefined,
  maxCalls: 7,
  sessionHeader: "x-session-id",
  waitSeconds: 30,
  ...changes,
});

const otherLogits = createToyModel({ seed: 6, vocabularySize: 18 }).logits;

const open = async (changes: Partial<EngineServer> = {}) => {
  const opened = await openServer(serverAt(changes), {
    folder: embeddedModel,
    description: await readModelFolder(embeddedModel),
  });
  await opened.engine[Symbol.asyncDispose]();
  return opened;
};

/** Has the server's tokenizer change what it makes of some texts. */
function spoil(isMeant: (text: string) => boolean, change: (tokens: TokenIds) => TokenIds): void {
  const tokenize = fake.model.tokenize!;
  fake.model = {
    ...fake.model,
    tokenize: async (text) => (isMeant(text) ? change(await tokenize(text)) : tokenize(text)),
  };
}

describe("a server's tokenizer", () => {
  it("that is the folder's is taken, and the start says what the server is", async () => {
    const opened = await open();
    expect(opened.engine.info).toMatchObject({ vocabularySize: 18, maxLength: 256 });
    expect(describeServer(opened).slice(0, 2)).toEqual([
      `server: vllm 0.0.0+fake at ${fake.url}, model 'abacus', 256 tokens, 7 calls at once`,
      "log-probs: of the 18 likeliest at most, of the model itself",
    ]);
  });

  it("is asked with what the vocabulary can spell, all of a small one among it", async () => {
    await open();
    const asked = fake.calls.filter(({ path }) => path === "/tokenize").map(({ body }) => body.prompt);
    expect(asked).toContain("0123456789");
    expect(asked).toContain("0123456789+-*=;#");
  });

  it.each([
    [
      "of another order",
      (text: string) => text === "0123456789",
      (ids: TokenIds) => [...ids].reverse(),
      "0123456789",
    ],
    ["that adds an end", () => true, (ids: TokenIds) => [...ids, 16], "0123456789"],
    ["that adds a beginning", () => true, (ids: TokenIds) => [16, ...ids], "0123456789"],
    [
      "that has other ids for a token",
      (text: string) => text.includes("#"),
      (ids: TokenIds) => ids.map((id) => (id === 15 ? 14 : id)),
      "+-*=;#",
    ],
    ["that knows nothing", () => true, () => [], "0123456789"],
  ])("%s is refused, with the text", async (_, isMeant, change, text) => {
    spoil(isMeant, change);
    await expect(open()).rejects.toThrow(
      new RegExp(`The server's tokenizer is not the one of .*${escape(text)}.*Set --model`),
    );
    // Before anything was drawn for nothing.
    expect(fake.calls.some(({ body }) => "max_tokens" in body)).toBe(false);
  });

  it("that it does not offer is noted", async () => {
    fake.hidden.add("/tokenize");
    expect(describeServer(await open()).join("\n")).toContain("turns no text into tokens");
  });
});

const escape = (text: string): string => text.replaceAll(/[*+]/g, "\\$&");

describe("a server that cannot be used", () => {
  it("and is not there, is named with its option", async () => {
    await fake.stop();
    await expect(open({ waitSeconds: 1 })).rejects.toThrow(
      new RegExp(
        `${fake.url} failed \\(ECONNREFUSED\\).*--engine-wait.*--engine-url must name a vllm server`,
      ),
    );
  });

  it.each([
    ["is silent", { onPass: () => new Promise<never>(() => undefined) }, /has not answered all/],
    ["is busy", { refuse: { status: 503, times: Infinity } }, /The server says: refused/],
  ])("and %s, is named with its option", async (_, faults, says) => {
    fake.faults = faults;
    const refused = open({ waitSeconds: 1 });
    await expect(refused).rejects.toThrow(says);
    await expect(refused).rejects.toThrow(/It was tried for 1 s \(--engine-wait\): --engine-url must name/);
  });

  it("and wants a key, says so without it", async () => {
    fake.key = "sk-right";
    const refused = open({ key: "sk-wrong" });
    await expect(refused).rejects.toThrow(/--engine-key/);
    await expect(refused).rejects.not.toThrow(/sk-wrong/);
    await open({ key: "sk-right" });
  });

  it("and has no such model, names those that it has", async () => {
    await expect(open({ model: "other" })).rejects.toThrow(/no model 'other', but 'abacus'.*--engine-model/);
  });

  it("and comes late, is waited for", async () => {
    await fake.stop();
    const opened = open();
    await new Promise((resolve) => setTimeout(resolve, 150));
    await fake.start();
    expect((await opened).description.model).toBe("abacus");
  });
});

describe("a worker that replaces another", () => {
  const create = async (mark?: ServerMark) => {
    const { completer } = await createCompleter(
      { ...usualEngine, server: serverAt({ waitSeconds: 30 }) },
      { mark },
    );
    const { details } = await completer.health();
    await completer[Symbol.asyncDispose]();
    return remoteDetails({ ...(details && { details }) })!.mark;
  };

  it("goes on with the same model, whatever else of its server is new", async () => {
    const mark = await create();
    await fake.stop();
    await fake.start();
    expect(structuredClone(await create(mark))).toEqual(structuredClone(mark));
  });

  it.each<[string, (model: FakeModel) => FakeModel, RegExp]>([
    [
      "says other things",
      (model) => ({ ...model, logits: otherLogits }),
      /log-probs after the same prompt are/,
    ],
    ["is shorter", (model) => ({ ...model, contextLength: 128 }), /it was \S+, and is \S+/],
    ["has another name", (model) => ({ ...model, name: "other" }), /it was \S+abacus\S+, and is \S+other/],
  ])("refuses one that %s", async (_what, change, message) => {
    const mark = await create();
    fake.model = change(fake.model);
    const refused = create(mark);
    await expect(refused).rejects.toMatchObject({ code: "engine_failed" });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(/no longer serves the model .*Start Metropolis again/);
  });
});
