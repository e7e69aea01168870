import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineSettings } from "../../src/assembly/engine-settings.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";
import { layOutModel } from "../support/exported-model.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-int4-"));
  for (const model of ["builder-qwen2-int4", "builder-llama-fp32"] as const)
    layOutModel(model, join(folder, model));
});
afterAll(() => rm(folder, { recursive: true }));

const open = ({ model = "builder-qwen2-int4", ...engine }: Partial<EngineSettings> = {}) =>
  createTestApp({ engine: { model: join(folder, model), lanes: 2, context: 64, ...engine } });

const prompt = { prompt: "Once upon", max_tokens: 3, seed: 1 };

/** What the server says of its numbers, wherever it does. */
async function said(server: Awaited<ReturnType<typeof open>>) {
  const stated = (answer: object): unknown =>
    "reproducibility" in answer ? answer.reproducibility : undefined;
  const stream = await server.post("/v1/completions", { ...prompt, stream: true });
  const answers = [
    await server.complete(prompt),
    await server.complete({ ...prompt, sampler: "power", logprobs: 1, echo: true }),
    await server.complete({ ...prompt, max_tokens: 0, echo: true, logprobs: 1 }),
    ...parseEvents(stream.text),
  ].map(stated);
  const models: { data: { reproducibility: string }[] } = (await server.app.inject("/v1/models")).json();
  const health: { compute: string } = (await server.app.inject("/health")).json();
  return {
    answers: [...new Set(answers)],
    models: [...new Set(models.data.map(({ reproducibility }) => reproducibility))],
    compute: health.compute,
  };
}

describe("whether numbers repeat", () => {
  it.each([
    ["as the file states, int8", {}, "approximate", "int8"],
    ["in fp32", { int4Compute: "fp32" }, "rounding", "fp32"],
    ["in passes of one shape", { deterministic: true }, "bitwise", "int8"],
    ["of a model in float32", { model: "builder-llama-fp32" }, "rounding", "fp32"],
  ] as const)("is said of products %s", async (_, engine, model, compute) => {
    await using server = await open(engine);
    expect(await said(server)).toEqual({
      answers: [model === "approximate" ? model : undefined],
      models: [model],
      compute,
    });
  });

  it("is said in chats", async () => {
    await using server = await open();
    const body = { messages: [{ role: "user", content: "Hi" }], max_tokens: 2 };
    const whole = await server.post("/v1/chat/completions", body);
    const stream = await server.post("/v1/chat/completions", { ...body, stream: true });
    const answers: object[] = [whole.json(), ...parseEvents(stream.text)];
    for (const answer of answers) expect(answer).toMatchObject({ reproducibility: "approximate" });
  });
});
