import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesBelow } from "../../src/hub/hub-cache.ts";
import { layOutModel } from "../support/exported-model.ts";
import { FakeHub } from "../support/fake-hub.ts";
import { ServerProcess, commandPath, runCommand } from "../support/server-process.ts";

const id = "tiny/llama-ONNX";

let scratch: string;
let model: string;
let hub: FakeHub;
let env: Record<string, string>;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "metropolis-models-"));
  model = join(scratch, "model");
  layOutModel("optimum-llama-fp32", model);
  const builder = join(scratch, "builder");
  layOutModel("builder-llama-fp16", builder);
  const files: Record<string, Buffer> = {};
  for (const path of await filesBelow(model)) {
    const graph = path === "model.onnx" ? "onnx/model.onnx" : path;
    files[graph] = await readFile(join(model, path));
  }
  files["onnx/model_fp16.onnx"] = await readFile(join(builder, "model.onnx"));
  files["onnx/model.onnx.data"] = await readFile(join(builder, "model.onnx.data"));
  hub = await FakeHub.start(id, files);
  hub.token = "hf_secret";
  env = { HF_ENDPOINT: hub.url, HF_HOME: join(scratch, "home"), HF_TOKEN: "hf_secret" };
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

async function answer(server: ServerProcess): Promise<{ model: string; text: string; power: object }> {
  const reply = await server.post("/v1/completions", {
    prompt: "The quick brown fox",
    sampler: "power",
    max_tokens: 6,
    ignore_eos: true,
    seed: 3,
  });
  const body = (await reply.json()) as { model: string; choices: { text: string; power: object }[] };
  return { model: body.model, ...body.choices[0]! };
}

describe("metropolis models", () => {
  it("pulls, lists, inspects and serves a model by its id, and does so offline once it is there", async () => {
    expect(await runCommand(["models", "list"], env)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/no models in .*models pull/) as unknown,
    });
    const pulled = await runCommand(["models", "pull", id, "--dtype", "fp16"], env);
    expect(pulled.output).toMatch(/onnx\/model\.onnx\.data: 0\.2 MiB/);
    expect(pulled).toMatchObject({ code: 0 });

    hub.isDown = true;
    const again = await runCommand(["models", "pull", id, "--dtype", "fp16"], env);
    expect(again.output).toMatch(/cannot be asked.*in the cache is used/s);
    expect(again.code).toBe(0);
    expect((await runCommand(["models", "list"], env)).output).toMatch(
      /tiny\/llama-ONNX +fp16 +aaaaaaaa main/,
    );
    const inspected = await runCommand(["models", "inspect", id, "--lanes", "4"], env);
    expect(inspected.output).toMatch(/shared cache.*float16.*2 layers x 2 heads x 16.*4 lanes x 256/s);
    await using server = await ServerProcess.start(["--model", id, "--dtype", "fp16"], env);
    expect(await answer(server)).toMatchObject({ model: id });
    const described = await fetch(`${server.url}/v1/models/${encodeURIComponent(id)}`);
    expect(await described.json()).toMatchObject({ id, max_model_len: 256 });
    hub.isDown = false;
  });

  it("serves a model that it pulls first, and the same from a folder", async () => {
    await using server = await ServerProcess.start(["--model", id, "--dtype", "fp32"], env);
    expect(server.output).toMatch(/onnx\/model\.onnx: 0\.4 MiB/);
    expect(server.output).toMatch(/rows run one by one/);
    await using local = await ServerProcess.start(["--model", model], env);
    const [pulled, fromFolder] = [await answer(server), await answer(local)];
    expect(pulled.text).toBe(fromFolder.text);
    // How much is begun ahead depends on the times that passes take.
    expect(pulled.power).toEqual({ ...fromFolder.power, evaluated_tokens: expect.any(Number) as unknown });
    expect([pulled.model, fromFolder.model]).toEqual([id, "model"]);
  });

  it("pulls what is missing of a model that another tool brought a part of", async () => {
    await runCommand(["models", "pull", id, "--dtype", "fp16"], env);
    await rm(
      join(scratch, "home/hub/models--tiny--llama-ONNX/snapshots", hub.commit, "onnx/model.onnx.data"),
    );
    const offline = { ...env, HF_HUB_OFFLINE: "1" };
    const inspected = await runCommand(["models", "inspect", id, "--dtype", "fp16"], offline);
    expect(inspected.output).toMatch(/in the cache without model\.onnx\.data.*models pull/);
    await using server = await ServerProcess.start(["--model", id, "--dtype", "fp16"], env);
    expect(await answer(server)).toMatchObject({ model: id });
  });

  // Dying of the signal is not enough: the kernel spares the first process of a container that does not listen.
  it.each(["SIGTERM", "SIGINT"] as const)("exits on %s while it pulls", async (signal) => {
    const silent = createServer();
    const asked = once(silent, "request");
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const { port } = silent.address() as AddressInfo;
    const args = [commandPath, "serve", "--port", "0", "--model", "tiny/absent"];
    const server = spawn(process.execPath, args, {
      env: { ...process.env, ...env, HF_ENDPOINT: `http://127.0.0.1:${port}` },
    });
    const exited = once(server, "exit");
    await asked;
    server.kill(signal);
    expect(await exited).toEqual([signal === "SIGTERM" ? 143 : 130, null]);
    silent.close();
  });

  it.each([
    [["models", "pull", "not-an-id"], {}, /ORGANISATION\/NAME/],
    [["models", "pull", id], { HF_TOKEN: "" }, /gives no access.*HF_TOKEN/],
    [["models", "pull", "tiny/absent"], {}, /no model tiny\/absent/],
    [["models", "inspect", "tiny/absent"], {}, /models pull tiny\/absent/],
    [["models", "inspect", "/nowhere"], {}, /\/nowhere is not there/],
    [["models", "inspect", id, "--dtype", "q8"], {}, /no q8 graph: it has/],
    [["serve", "--port", "0", "--model", "tiny/absent"], { HF_HUB_OFFLINE: "1" }, /HF_HUB_OFFLINE forbids/],
    [["models", "pull", "tiny/absent"], { HF_HUB_OFFLINE: "true" }, /HF_HUB_OFFLINE forbids/],
    [["models", "pull", id], { HF_ENDPOINT: "hub" }, /HF_ENDPOINT is 'hub'/],
  ])("says what to do: %j", async (args, changes, message) => {
    const { code, output } = await runCommand(args, { ...env, ...changes });
    expect(output).toMatch(message);
    expect(code).toBe(1);
    expect(output).not.toMatch(/\n\s+at /);
  });
});
