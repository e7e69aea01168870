import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { FakeHub } from "../support/fake-hub.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import { servedAbacus } from "../support/fake-servers/abacus.ts";
import { ServerProcess, runCommand } from "../support/server-process.ts";

const key = "sk-3b9f04c7d1";

/** `metropolis serve` over a server elsewhere, of which it has the tokenizer alone. */
describe("metropolis serve --engine vllm", () => {
  let fake: FakeVllm;
  let server: ServerProcess;
  beforeAll(async () => {
    fake = await new FakeVllm(await servedAbacus()).start();
    fake.key = key;
    server = await ServerProcess.start(
      ["--engine", "vllm", "--engine-url", fake.url, "--engine-key", key, "--log-level", "debug"],
      { METROPOLIS_ENGINE_SESSION_HEADER: "x-user-id" },
    );
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await fake[Symbol.asyncDispose]();
  });

  it("says what the server is, and answers with what it draws", async () => {
    expect(server.output).toMatch(
      /server: vllm 0\.0\.0\+fake at http:\S+, model 'abacus', 256 tokens, 64 calls at once/,
    );
    const before = fake.calls.length;
    const body = {
      prompt: "7-2*3+4=",
      sampler: "power",
      max_tokens: 6,
      block_size: 3,
      mcmc_steps: 2,
      seed: 1,
    };
    const reply = await server.post("/v1/completions", body);
    const { choices } = (await reply.json()) as { choices: { text: string; power: { steps: number } }[] };
    expect(choices[0]!.power.steps).toBeGreaterThan(0);
    const calls = fake.calls.slice(before);
    expect(calls.length).toBeGreaterThan(0);
    // All calls of a prompt name it alike.
    expect(new Set(calls.map(({ headers }) => headers["x-user-id"])).size).toBe(1);
    expect(calls.every(({ headers }) => headers.authorization === `Bearer ${key}`)).toBe(true);
  });

  it("streams", async () => {
    const body = { prompt: "7-2=", max_tokens: 6, stream: true, seed: 2 };
    const text = await (await server.post("/v1/completions", body)).text();
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
  });

  it("tells the key nowhere", async () => {
    const answers = await Promise.all(
      ["/health", "/metrics", "/v1/models"].map(async (path) => (await fetch(server.url + path)).text()),
    );
    expect(answers.join("")).not.toContain(key);
    expect(server.output).not.toContain(key);
    const { code, output } = await runCommand([
      ...["serve", "--port", "0", "--engine", "vllm", "--engine-url", fake.url],
      ...["--engine-key", `${key}-wrong`],
    ]);
    expect(code).toBe(1);
    expect(output).toMatch(/error: .*--engine-key/);
    expect(output).not.toContain(key);
  });

  it.skipIf(process.platform !== "linux")("nor in the list of processes", async () => {
    expect(await readFile(`/proc/${server.pid}/cmdline`, "utf8")).not.toContain(key);
  });

  it("refuses what is about an engine of its own", async () => {
    const { code, output } = await runCommand(
      ["serve", "--port", "0", "--engine", "vllm", "--engine-url", fake.url],
      { METROPOLIS_DETERMINISTIC: "1" },
    );
    expect(code).toBe(1);
    expect(output).toMatch(/error: METROPOLIS_DETERMINISTIC is about a model in this process/);
    expect(output).not.toMatch(/\n\s+at /);
  });
});

it("brings the tokenizer and the settings of a hub's model, and nothing that is run", async () => {
  const texts = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];
  const read = async (name: string) => [name, await readFile(join(embeddedModel, name))] as const;
  const files = Object.fromEntries(await Promise.all(texts.map(read)));
  const weights = { "model.safetensors": "weights", "onnx/model.onnx": "a graph", "README.md": "a card" };
  const home = await mkdtemp(join(tmpdir(), "metropolis-hub-"));
  await using hub = await FakeHub.start("organisation/abacus", { ...files, ...weights });
  await using fake = await new FakeVllm(await servedAbacus()).start();
  const { code, output } = await runCommand(
    ["doctor", "--engine", "vllm", "--engine-url", fake.url, "--model", "organisation/abacus"],
    { HF_HOME: home, HF_ENDPOINT: hub.url },
  );
  expect(output).toMatch(/^verdict +usable/m);
  expect(code).toBe(0);
  expect(hub.ranges.map(({ path }) => path).sort()).toEqual(texts);
  // Now it is at hand, and the hub is not asked.
  hub.isDown = true;
  await using server = await ServerProcess.start(
    ["--engine", "vllm", "--engine-url", fake.url, "--model", "organisation/abacus"],
    { HF_HOME: home, HF_ENDPOINT: hub.url },
  );
  expect(server.output).toContain("serving organisation/abacus on");
  await rm(home, { recursive: true });
});
