import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TokenIds } from "../../src/core/tokens.ts";
import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import { Tokenizer } from "../../src/decoder/tokenizer.ts";
import { addedToken, byteTokenizerJson } from "../support/byte-tokenizer.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { encode } from "../support/encode.ts";
import { fixturePrompts, fixtureTokenizer } from "../support/fixture-tokenizer.ts";
import { scriptedCompleter } from "../support/scripted-completer.ts";

type Server = Awaited<ReturnType<typeof createTestApp>>;

/** A server whose model goes on from any prompt with the text that follows it in `text`. */
async function serverOf(name: string, text: string) {
  const [tokenizer, prompts] = [fixtureTokenizer(name), fixturePrompts(name)];
  const script = await encode(prompts, text);
  const completer = scriptedCompleter({ tokenizer, prompts }, 1402, {
    script: (tokens) => script[tokens.length] ?? script.at(-1)!,
  });
  return { tokenizer, script, open: () => createTestApp({ completer }) };
}

async function withServer(
  name: string,
  text: string,
  use: (server: Server, script: TokenIds) => Promise<void>,
) {
  const { open, script } = await serverOf(name, text);
  const server = await open();
  try {
    await use(server, script);
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

const families = ["llama2", "llama2-new", "mistral", "gemma", "qwen2", "llama3", "smollm2"];

const prompts = [
  "<|im_start|>user\nHi<|im_end|>",
  "<s>[INST] Hi [/INST]",
  "<start_of_turn>user\nHi<end_of_turn>\n",
  "The answer is",
  " two  spaces before",
  "   \tindented\n\n",
  "e\u0301te\u0301, Cafe\u0301 \u212b",
  "漢字 and 👩‍🚀 and \u0000",
  "a\ud800b",
];

describe.each(families)("the echo of %s", (name) => {
  let server: Server;
  beforeAll(async () => {
    server = await (await serverOf(name, "and so on")).open();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each(prompts)("is the prompt as the client wrote it: %j", async (prompt) => {
    const { choices } = await server.complete({ prompt, echo: true, max_tokens: 0, logprobs: 0 });
    const { text, logprobs } = choices[0]!;
    expect(text).toBe(prompt);
    const offsets = logprobs!.text_offset;
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(offsets[0]).toBe(0);
    expect(offsets.at(-1)!).toBeLessThanOrEqual(Array.from(prompt).length);
    // Where a token is spelled as the text has it, its text stands where its offset says.
    const characters = Array.from(prompt);
    const astray = logprobs!.tokens.filter(
      (token, index) =>
        prompt.includes(token.trim()) &&
        !characters.slice(offsets[index]).join("").trimStart().startsWith(token.trim()),
    );
    expect(astray.length).toBeLessThanOrEqual(prompt.includes("\u0301") ? 2 : 0);
  });

  it("of token ids has its special tokens", async () => {
    const { open, tokenizer, script } = await serverOf(name, prompts[0]! + prompts[1]! + prompts[2]!);
    await using other = await open();
    const { choices } = await other.complete({ prompt: script, echo: true, max_tokens: 0 });
    expect(choices[0]!.text).toBe(tokenizer.decode(script, { keepSpecial: true }));
    expect(choices[0]!.text).toContain(
      ["llama2", "llama2-new", "mistral", "gemma"].includes(name) ? "<" : "<|",
    );
  });
});

describe("a completion behind its prompt", () => {
  const text = "def add(a, b):\n    return a + b";

  it.each(["llama2", "llama2-new", "mistral", "gemma", "qwen2"])(
    "keeps its first space with %s: whole, streamed, echoed, by every sampler",
    async (name) => {
      await withServer(name, text, async (server, script) => {
        // Cut before a token that begins with a space.
        const cuts = script.flatMap((_, index) =>
          index > 1 && / [a-z+]/.test(server.completer.tokenizer.textOf(script[index]!)) ? [index] : [],
        );
        expect(cuts.length).toBeGreaterThan(1);
        for (const cut of cuts) {
          const prompt = script.slice(0, cut);
          const rest = { prompt, max_tokens: script.length - cut };
          const before = server.completer.tokenizer.decode(prompt);
          const after = text.slice(before.length);
          expect(after).toMatch(/^ /);
          for (const sampler of ["standard", "greedy", "power", "smc", "maximize"]) {
            const { choices } = await server.complete({ ...rest, sampler, n: 2 });
            expect(choices.map((choice) => choice.text)).toEqual([after, after]);
          }
          const stream = await server.post("/v1/completions", { ...rest, echo: true, stream: true });
          const pieces = parseEvents(stream.text).map(
            (chunk) => (chunk as unknown as { choices: { text: string }[] }).choices[0]!.text,
          );

          expect(pieces.join("").endsWith(text)).toBe(true);
          const stopped = await server.complete({ ...rest, stop: [after.slice(0, 3)], sampler: "power" });
          expect(stopped.choices[0]).toMatchObject({ text: "", stop_reason: after.slice(0, 3) });
        }
      });
    },
  );

  it("has offsets that go on from the echo", async () => {
    await withServer("llama2", "the cat sat on the mat", async (server, script) => {
      const prompt = "the cat";
      const length = (await encode(fixturePrompts("llama2"), prompt)).length;
      const { choices } = await server.complete({
        prompt,
        echo: true,
        logprobs: 1,
        max_tokens: script.length - length,
      });
      const { text, logprobs } = choices[0]!;
      expect(text).toBe("the cat sat on the mat");
      for (const [index, token] of logprobs!.tokens.entries()) {
        // The tokenizer's own: a token before the text, and a space before its first word.
        if (index === 0) expect([token, logprobs!.text_offset[0]]).toEqual(["<s>", 0]);
        else if (logprobs!.text_offset[index] === 0) expect(text.startsWith(token.trim())).toBe(true);
        else expect(text.slice(logprobs!.text_offset[index]).startsWith(token)).toBe(true);
      }
    });
  });

  it("is echoed behind each of several prompts, n and best_of among them", async () => {
    await withServer("mistral", "the cat sat on the mat", async (server) => {
      const list = ["the cat", "[INST] Hi [/INST]", " a"];
      for (const body of [{ n: 2 }, { n: 1, best_of: 3 }]) {
        const { choices } = await server.complete({ prompt: list, echo: true, max_tokens: 1, ...body });
        expect(choices).toHaveLength(3 * body.n);
        for (const [index, { text }] of choices.entries())
          expect(text.startsWith(list[Math.floor(index / body.n)]!)).toBe(true);
      }
    });
  });
});

describe("POST /detokenize", () => {
  it.each(families)("gives back what /tokenize of %s was given, special tokens included", async (name) => {
    await using server = await (await serverOf(name, "x")).open();
    for (const prompt of prompts.slice(0, 6)) {
      const asked = await server.post("/tokenize", { prompt, add_special_tokens: false });
      const { tokens } = asked.json() as { tokens: number[] };
      const answered = await server.post("/detokenize", { tokens });
      // As vLLM's, which is the Rust library's: behind a special token the word's own space stands.
      expect((answered.json() as { prompt: string }).prompt.replaceAll(" ", "")).toBe(
        prompt.replaceAll(" ", ""),
      );
      expect((answered.json() as { prompt: string }).prompt).toBe(
        server.completer.tokenizer.decode(tokens, { keepSpecial: true }),
      );
    }
    const { tokens } = (await server.post("/tokenize", { prompt: "Hi" })).json() as { tokens: number[] };
    const { content } = (await server.post("/detokenize", { tokens })).json() as { content: string };
    const bos = { llama3: "<|begin_of_text|>", gemma: "<bos>", qwen2: "", smollm2: "" }[name] ?? "<s>";
    expect(content).toBe(bos === "<s>" ? "<s> Hi" : `${bos}Hi`);
  });
});

describe("tokens with the names of what objects inherit", () => {
  const names = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf", "a", "b", "<eos>"];

  function nameServer(): Promise<Server> {
    const json = byteTokenizerJson();
    const vocab = JSON.parse(
      `{${names.map((name, id) => `${JSON.stringify(name)}:${id}`).join(",")}}`,
    ) as Record<string, number>;
    const added_tokens = names.map((content, id) => ({
      ...addedToken(id, content),
      special: content === "<eos>",
    }));
    const file = { ...json, added_tokens, model: { ...json.model, vocab } };
    const tokenizer = new Tokenizer(file, {});
    const prompts = new LocalPromptEncoder(() => Promise.resolve(file), undefined);
    const completer = scriptedCompleter({ tokenizer, prompts }, names.length, {
      script: (tokens) => (tokens.at(-1)! + 1) % names.length,
      endTokenIds: [7],
    });
    return createTestApp({ completer });
  }

  /** Each token's own, and the three after it. */
  const top = (first: number): [string, number][] =>
    [0, 1, 2].map((rank) => [names[(first + rank) % names.length]!, rank === 0 ? 0 : -rank]);

  it("stand in top_logprobs of answers and streams, echoed and generated", async () => {
    await using server = await nameServer();
    const body = { prompt: [6, 5], logprobs: 3, max_tokens: 3, echo: true };
    const expected = [5, 6, 7, 0].map((token) => new Map(top(token)));
    const { text } = await server.post("/v1/completions", body);
    const whole = JSON.parse(text) as { choices: { logprobs: { top_logprobs: (object | null)[] } }[] };
    const entries = (list: (object | null)[]) =>
      list.map((item) => item && new Map(Object.entries(item as Record<string, number>)));
    expect(entries(whole.choices[0]!.logprobs.top_logprobs)).toEqual([null, ...expected.slice(0, 3)]);
    expect(text).toContain('"__proto__":');
    for (const first of [0, 1, 2, 3]) {
      const stream = await server.post("/v1/completions", {
        prompt: [(first + 7) % 8],
        logprobs: 3,
        max_tokens: 1,
        stream: true,
        ignore_eos: true,
      });
      const lists = parseEvents(stream.text).flatMap((chunk) => {
        const { choices } = chunk as unknown as typeof whole;
        return choices[0]!.logprobs.top_logprobs;
      });
      expect(entries(lists)).toEqual([new Map(top(first))]);
    }
  });

  it("are echoed, tokenised and counted like any other", async () => {
    await using server = await nameServer();
    for (const prompt of names.slice(0, 5)) {
      const { choices } = await server.complete({ prompt, echo: true, max_tokens: 1, logprobs: 0 });
      expect(choices[0]!.logprobs!.tokens[0]).toBe(prompt);
      expect(choices[0]!.text.startsWith(prompt)).toBe(true);
    }
  });

  it("are refused by name, never dropped, as keys of a body", async () => {
    await using server = await nameServer();
    for (const field of ["logit_bias", "stream_options"]) {
      const reply = await server.app.inject({
        method: "POST",
        url: "/v1/completions",
        headers: { "content-type": "application/json" },
        payload: `{"prompt": "a", "max_tokens": 1, "${field}": {"__proto__": 1}}`,
      });
      expect(reply.statusCode).toBe(400);
    }
    const { status } = await server.post("/v1/completions", {
      prompt: "a",
      max_tokens: 1,
      metadata: { constructor: "x", toString: "y" },
    });
    expect(status).toBe(200);
    expect((await server.refuse({ prompt: "a", logit_bias: { constructor: 1 } })).param).toBe(
      "logit_bias.constructor",
    );
  });
});
