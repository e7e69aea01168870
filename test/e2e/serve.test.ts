import { access, constants, cp, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { ServerProcess, commandPath, runCommand } from "../support/server-process.ts";

const power = { prompt: "7-2*3+4=", sampler: "power", seed: 1 };

it.skipIf(process.platform === "win32")(
  "is a command as it is built, which npx in a checkout runs",
  async () => {
    await expect(access(commandPath, constants.X_OK)).resolves.toBeUndefined();
  },
);

describe("metropolis serve", () => {
  it("prints where it listens and a curl to paste, and answers it", async () => {
    await using server = await ServerProcess.start();
    expect(server.output).toMatch(/16 lanes x 256 tokens = 9\.0 MiB/);
    const body = /-d '(\{.*\})'/.exec(server.output)![1]!;
    const reply = await server.post("/v1/completions", JSON.parse(body) as object);
    const { choices } = (await reply.json()) as { choices: { text: string; power: object }[] };
    expect(choices[0]!.text).toBe("9*4=36;36+3=39;39-4=35;35-2=33;#33");
    expect(choices[0]!.power).toBeDefined();
  });

  it("finishes what runs after SIGTERM, and exits with 0", async () => {
    const server = await ServerProcess.start(["--no-memo", "--no-early-rejection"]);
    const running = server.post("/v1/completions", { ...power, n: 20 });
    const streaming = server.post("/v1/completions", { ...power, n: 10, stream: true });
    await expect.poll(() => server.running()).toBe(30);
    server.signal("SIGTERM");
    const { choices } = (await (await running).json()) as { choices: { text: string }[] };
    expect(choices).toHaveLength(20);
    expect(choices.every(({ text }) => text.includes("#"))).toBe(true);
    expect(await (await streaming).text()).toMatch(/data: \[DONE\]\n\n$/);
    expect(await server.exit()).toMatchObject({ code: 0 });
  });

  it("asks for API keys given as options, in a file, or in the environment", async () => {
    const folder = await mkdtemp(join(tmpdir(), "metropolis-keys-"));
    const file = join(folder, "keys");
    await writeFile(file, "# of the team\nthird\n\nfourth\n");
    await using server = await ServerProcess.start([
      "--api-key",
      "first",
      "--api-key",
      "second",
      "--api-key-file",
      file,
    ]);
    const status = async (key: string): Promise<number> =>
      (await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
    expect(await Promise.all(["first", "second", "third", "fourth", "fifth", ""].map(status))).toEqual([
      200, 200, 200, 200, 401, 401,
    ]);
    await writeFile(file, "\n");
    const { code, output } = await runCommand(["serve", "--port", "0", "--api-key-file", file]);
    expect({ code, says: output.includes("holds no key") }).toEqual({ code: 1, says: true });
    await rm(folder, { recursive: true });
  });

  it("renders conversations by --chat-template", async () => {
    const folder = await mkdtemp(join(tmpdir(), "metropolis-template-"));
    const file = join(folder, "template.jinja");
    await writeFile(file, "{% for m in messages %}{{ m.content }}{% endfor %}=");
    await using server = await ServerProcess.start(["--chat-template", file]);
    const reply = await server.post("/v1/chat/completions", {
      messages: [
        { role: "user", content: "7-2*3" },
        { role: "user", content: "+4" },
      ],
      sampler: "power",
      seed: 1,
    });
    const { choices } = (await reply.json()) as { choices: { message: { content: string } }[] };
    expect(choices[0]!.message.content).toBe("2*3=6;7-6=1;1+4=5;#5");
    await rm(folder, { recursive: true });
  });

  it("takes its settings from the environment too, and power as the default sampler", async () => {
    await using server = await ServerProcess.start([], {
      METROPOLIS_SAMPLER: "power",
      METROPOLIS_LANES: "3",
    });
    expect(server.output).toContain("3 lanes");
    const reply = await server.post("/v1/completions", { prompt: "7-2*3+4=", max_tokens: 6 });
    expect(((await reply.json()) as { choices: { power?: object }[] }).choices[0]!.power).toBeDefined();
  });
});

describe("what cannot start says why, in a line, and exits with an error", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "metropolis-serve-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function broken(name: string, breakIt: (model: string) => Promise<void>): Promise<string> {
    const model = join(folder, name);
    await cp(embeddedModel, model, { recursive: true });
    await breakIt(model);
    return model;
  }

  async function expectFailure(args: readonly string[], message: RegExp): Promise<void> {
    const { code, output } = await runCommand(["serve", "--port", "0", ...args]);
    expect(output).toMatch(message);
    expect(code).toBeGreaterThan(0);
    expect(output).not.toMatch(/\n\s+at /);
  }

  it("a port in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    await expectFailure(
      ["--port", String((other.address() as AddressInfo).port)],
      /Port \d+ .* is in use.*--port/,
    );
    other.close();
  });

  it("a missing folder, a missing file, a corrupt file", async () => {
    await expectFailure(["--model", join(folder, "absent")], /absent is not there; .*Hugging Face id/);
    const noGraph = await broken("no-graph", (model) => rm(join(model, "model.onnx")));
    await expectFailure(["--model", noGraph], /no-graph has no model\.onnx .*no ONNX file/);
    const cut = await broken("cut", (model) => truncate(join(model, "model.onnx"), 10_000));
    await expectFailure(["--model", cut], /model\.onnx is no ONNX file, or cut short/);
    const garbled = await broken("garbled", (model) => writeFile(join(model, "tokenizer.json"), "{"));
    await expectFailure(["--model", garbled], /tokenizer\.json is not JSON/);
    const wrong = await broken("wrong", (model) =>
      writeFile(join(model, "generation_config.json"), '{"metropolis":{"alpha":0}}'),
    );
    await expectFailure(["--model", wrong], /generation_config\.json is not as expected.*alpha/s);
  });

  it("settings that make no sense or do not fit", async () => {
    await expectFailure(["--sampler", "best"], /--sampler.*power, standard/s);
    await expectFailure(["--lanes", "0"], /--lanes.*at least 1/s);
    await expectFailure(["--port", "70000"], /--port.*65535/s);
    await expectFailure(["--context", "9999"], /--context 9999 is more than the 256/);
    await expectFailure(["--lanes", "100000000"], /beside the weights: --lanes \d+ would fit/);
    await expectFailure(["--host", "203.0.113.9"], /not an address of this machine/);
    await expectFailure(["--device", "cuda"], /cannot be loaded on device 'cuda'/);
  });

  it("teaches with --help", async () => {
    const { code, output } = await runCommand(["serve", "--help"]);
    expect(code).toBe(0);
    for (const flag of [
      "--port",
      "--host",
      "--model",
      "--sampler",
      "--threads",
      "--lanes",
      "--context",
      "--log-level",
    ]) {
      expect(output).toContain(flag);
    }
    expect(output).toContain("METROPOLIS_LANES");
  });
});
