import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../support/server-process.ts";

/** The requests of `vllm bench serve`, nulls and all, read the way it reads them. */

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server[Symbol.asyncDispose]());

interface Measured {
  /** Arrivals of chunks with choices: the first gives the time to first token, the rest the gaps. */
  readonly chunks: number;
  readonly text: string;
  readonly outputTokens: number | undefined;
}

interface Chunk {
  readonly choices?: readonly { readonly text?: string; readonly delta?: { readonly content?: string } }[];
  readonly usage?: { readonly completion_tokens: number };
}

async function measure(path: string, body: object): Promise<Measured> {
  const reply = await fetch(server.url + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: "Bearer ",
      "x-request-id": "bench-1",
    },
    body: JSON.stringify(body),
  });
  expect(reply.status).toBe(200);
  expect(reply.headers.get("x-request-id")).toBe("bench-1");
  let chunks = 0;
  let text = "";
  let outputTokens: number | undefined;
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of reply.body!) {
    const lines = (rest + decoder.decode(bytes as Uint8Array, { stream: true })).split("\n\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith(":")) continue;
      const data = line.replace(/^data: /, "");
      if (data === "[DONE]") continue;
      const { choices, usage } = JSON.parse(data) as Chunk;
      if (choices !== undefined && choices.length > 0) {
        chunks++;
        text += choices[0]!.text ?? choices[0]!.delta?.content ?? "";
      } else if (usage !== undefined) outputTokens = usage.completion_tokens;
    }
  }
  return { chunks, text, outputTokens };
}

const common = { model: "abacus", stream: true, stream_options: { include_usage: true } };
const prompt = "7-2*3+4=";

describe("vllm bench serve", () => {
  it("measures /v1/completions: a chunk for every token, the usage in one of its own", async () => {
    const { chunks, text, outputTokens } = await measure("/v1/completions", {
      ...common,
      prompt,
      repetition_penalty: 1.0,
      temperature: 0.0,
      max_tokens: 40,
      logprobs: null,
      ignore_eos: true,
    });
    expect(outputTokens).toBe(40);
    expect(chunks).toBeGreaterThanOrEqual(40);
    expect(text.length).toBeGreaterThan(0);
  });

  it("measures chat, whose content it sends as parts, and power by --extra-body", async () => {
    const content = [{ type: "text", text: prompt }];
    const { text, outputTokens } = await measure("/v1/chat/completions", {
      ...common,
      messages: [{ role: "user", content }],
      max_completion_tokens: 48,
      temperature: 0.0,
      sampler: "power",
      seed: 1,
    });
    expect(text).toMatch(/#\d+$/);
    expect(outputTokens).toBe(text.length + 1);
  });
});
