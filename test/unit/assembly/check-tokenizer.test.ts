import { afterAll, describe, expect, it } from "vitest";
import { checkTokenizer } from "../../../src/assembly/check-tokenizer.ts";
import type { OwnTokenizer } from "../../../src/assembly/check-tokenizer.ts";
import type { TokenIds } from "../../../src/core/tokens.ts";
import { Connection } from "../../../src/engine/remote/connection.ts";
import { RemoteError } from "../../../src/engine/remote/remote-error.ts";
import { createVllm } from "../../../src/engine/remote/vllm.ts";
import { fixturePrompts, fixtureTokenizer } from "../../support/fixture-tokenizer.ts";
import { never } from "../../support/toy-engine.ts";

const families = ["gemma", "llama2", "llama2-new", "llama3", "mistral", "qwen2", "smollm2", "unigram"];
/** Of one kind and one corpus: these have the same tokens, but for what stands at a text's start. */
const alike = new Set(["llama2", "llama2-new", "mistral"]);

const vocabularySize = 2048;

const ownOf = (name: string): OwnTokenizer => ({
  folder: name,
  tokenizer: fixtureTokenizer(name),
  prompts: fixturePrompts(name),
  vocabularySize,
});

const server = new Connection({ url: "http://127.0.0.1:9", sessionHeader: "x-session-id", mostSockets: 1 });
afterAll(() => server[Symbol.asyncDispose]());

const description = {
  model: "m",
  contextLength: 64,
  mostTop: undefined,
  version: undefined,
  identity: "",
  notes: [],
};

/** Holds a folder's tokenizer against a server's; returns the texts that it asked with. */
const hold = async (own: string, tokenize: (text: string) => Promise<TokenIds>): Promise<string[]> => {
  const asked: string[] = [];
  const dialect = {
    ...createVllm({ vocabularySize }),
    tokenize: async (_: unknown, { text }: { readonly text: string }) => {
      asked.push(text);
      return tokenize(text);
    },
  };
  await checkTokenizer({ dialect, server, description }, ownOf(own), never);
  return asked;
};

const encoderOf = (name: string) => {
  const prompts = fixturePrompts(name);
  return async (text: string): Promise<TokenIds> =>
    (await prompts.encode([{ text, addSpecialTokens: false }], { param: "text", signal: never }))[0]!;
};

const another = "The server's tokenizer is not the one of";

describe.each(families)("the tokenizer of %s", (name) => {
  it("is its own", async () => {
    const asked = await hold(name, encoderOf(name));
    expect(asked.length).toBeGreaterThan(5);
  });

  it("is none of another family's", async () => {
    for (const other of families) {
      if (other === name || (alike.has(other) && alike.has(name))) continue;
      await expect(hold(name, encoderOf(other))).rejects.toThrow(another);
    }
  });

  it("parses special tokens", async () => {
    const encode = encoderOf(name);
    const tokenizer = fixtureTokenizer(name);
    const spelled = async (text: string): Promise<TokenIds> =>
      (await encode(text)).filter((id) => !tokenizer.isSpecial(id));
    await expect(hold(name, spelled)).rejects.toThrow(another);
  });

  it.each([
    ["drops white space", (text: string) => text.trim()],
    ["joins white space", (text: string) => text.replaceAll(/ +/g, " ")],
    ["writes small letters", (text: string) => text.toLowerCase()],
    ["composes characters", (text: string) => text.normalize("NFKC")],
  ])("does not go with a server that %s", async (_, change) => {
    const encode = encoderOf(name);
    const isBlind = await encode("  A e\u0301 ").then((ids) =>
      encode(change("  A e\u0301 ")).then((others) => ids.join() === others.join()),
    );
    if (isBlind) return;
    await expect(hold(name, (text) => encode(change(text)))).rejects.toThrow(another);
  });
});

it("is named with the text, and where the tokens part", async () => {
  const encode = encoderOf("qwen2");
  const changed = async (text: string): Promise<TokenIds> =>
    text.includes("<|im_start|>") ? [...(await encode(text)).slice(0, 2), 5] : encode(text);
  await expect(hold("qwen2", changed)).rejects.toThrow(
    /of ".*<\|im_start\|>.*" it makes other tokens, from token 2 on \[5, …\] instead of \[\d+, /,
  );
});

it.each([401, 500])("is not taken on trust where the server fails with %d", async (status) => {
  const refused = (): Promise<never> =>
    Promise.reject(new RemoteError("The server says: no", { retryable: status >= 500, status }));
  await expect(hold("qwen2", refused)).rejects.toThrow("The server says: no");
});
