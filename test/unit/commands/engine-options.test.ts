import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readEngineServer } from "../../../src/commands/engine-options.ts";
import type { EngineOptions } from "../../../src/commands/engine-options.ts";
import { serveOptions } from "../../../src/commands/serve-options.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-engine-"));
});
afterAll(() => rm(folder, { recursive: true }));

const set = new Set<string>();
afterEach(() => {
  for (const name of set) Reflect.deleteProperty(process.env, name);
  set.clear();
});

/** What `serve` makes of a command line, and of the environment. */
async function read(args: readonly string[], env: Record<string, string> = {}) {
  for (const [name, value] of Object.entries(env)) {
    process.env[name] = value;
    set.add(name);
  }
  const command = new Command("serve").exitOverride().configureOutput({ writeErr: () => undefined });
  for (const one of serveOptions()) command.addOption(one);
  command.parse(args, { from: "user" });
  return readEngineServer(command.opts<EngineOptions>(), command);
}

const url = "http://gpu:8000";
const vllm = ["--engine", "vllm", "--engine-url", url];

describe("a server that is to run the model", () => {
  it("is none where nothing is said", async () => {
    expect(await read([])).toBeUndefined();
    expect(await read(["--lanes", "3", "--deterministic", "--engine", "onnx"])).toBeUndefined();
  });

  it.each(["vllm", "sglang", "llamacpp"])("may be %s", async (engine) => {
    expect(await read(["--engine", engine, "--engine-url", url])).toEqual({
      dialect: engine,
      url,
      key: undefined,
      model: undefined,
      maxCalls: 64,
      sessionHeader: "x-session-id",
      waitSeconds: 60,
    });
  });

  it("is told by options and by the environment alike", async () => {
    const wanted = {
      dialect: "vllm",
      url,
      key: "sk-1",
      model: "m",
      maxCalls: 9,
      sessionHeader: "x-user-id",
      waitSeconds: 5,
    };
    const options = ["--engine-key", "sk-1", "--engine-model", "m", "--engine-calls", "9"];
    const rest = ["--engine-session-header", "X-User-Id", "--engine-wait", "5"];
    expect(await read([...vllm, ...options, ...rest])).toEqual(wanted);
    const env = {
      METROPOLIS_ENGINE: "vllm",
      METROPOLIS_ENGINE_URL: url,
      METROPOLIS_ENGINE_KEY: "sk-1",
      METROPOLIS_ENGINE_MODEL: "m",
      METROPOLIS_ENGINE_CALLS: "9",
      METROPOLIS_ENGINE_SESSION_HEADER: "X-User-Id",
      METROPOLIS_ENGINE_WAIT: "5",
    };
    expect(await read([], env)).toEqual(wanted);
  });

  it("has its key in a file too", async () => {
    const file = join(folder, "key");
    await writeFile(file, "sk-from-a-file\n");
    const named = [...vllm, "--engine-key-file", file];
    expect(await read(named)).toMatchObject({ key: "sk-from-a-file" });
    await expect(read([...named, "--engine-key", "a"])).rejects.toThrow("give one of them");
    const absent = [...vllm, "--engine-key-file", join(folder, "absent")];
    await expect(read(absent)).rejects.toThrow("--engine-key-file");
  });

  it.each(["", "sk two words", "sk-a\nb", "schlüssel"])(
    "takes no key %j, and does not tell it",
    async (key) => {
      const file = join(folder, "bad-key");
      await writeFile(file, key);
      const ways = [
        ["--engine-key", key],
        ["--engine-key-file", file],
      ];
      for (const given of ways) {
        const refused = await read([...vllm, ...given]).catch((error: unknown) => String(error));
        expect(refused).toContain("must be a key in one line");
        if (key !== "") expect(refused).not.toContain(key);
      }
    },
  );

  it("wants its address", async () => {
    await expect(read(["--engine", "vllm"])).rejects.toThrow("--engine vllm wants --engine-url");
  });

  it.each([
    ["--engine", "tgi"],
    ["--engine-calls", "0"],
    ["--engine-wait", "soon"],
    ["--engine-session-header", "x y"],
    ["--engine-session-header", "Authorization"],
    ["--engine-session-header", "keep-alive"],
    ["--engine-session-header", "Expect"],
    ["--engine-session-header", "accept-encoding"],
  ])("refuses %s %s", async (...args) => {
    await expect(read([...vllm, ...args])).rejects.toThrow(args[0]);
  });

  it.each([
    ["--engine-url", url],
    ["--engine-key", "sk"],
    ["--engine-key-file", "/keys"],
    ["--engine-model", "m"],
    ["--engine-calls", "3"],
    ["--engine-session-header", "x"],
    ["--engine-wait", "3"],
  ])("wants --engine beside %s", async (flag, value) => {
    const message = `${flag} is about a server elsewhere; give --engine too: vllm, sglang, llamacpp`;
    await expect(read([flag, value])).rejects.toThrow(message);
    await expect(read([flag, value, "--engine", "onnx"])).rejects.toThrow(message);
  });

  it("is not left aside where the environment has it, unless it is told to be", async () => {
    const env = { METROPOLIS_ENGINE_URL: url };
    await expect(read([], env)).rejects.toThrow("METROPOLIS_ENGINE_URL is about a server elsewhere");
    expect(await read(["--engine", "onnx"], env)).toBeUndefined();
  });
});

/** Each with its variable, and a value. */
const local = [
  ["--device", "METROPOLIS_DEVICE", "cpu", /where it was started/],
  ["--dtype", "METROPOLIS_DTYPE", "q4", /--dtype or --quantization of the server/],
  ["--int4-compute", "METROPOLIS_INT4_COMPUTE", "fp32", /kernels/],
  ["--threads", "METROPOLIS_THREADS", "2", /VLLM_CPU_OMP_THREADS_BIND/],
  ["--no-spinning", "METROPOLIS_SPINNING", undefined, /its own/],
  ["--map-weights", "METROPOLIS_MAP_WEIGHTS", undefined, /--load-format/],
  ["--lanes", "METROPOLIS_LANES", "16", /--engine-calls here, and --max-num-seqs/],
  ["--context", "METROPOLIS_CONTEXT", "64", /--max-model-len/],
  ["--prefill-chunk", "METROPOLIS_PREFILL_CHUNK", "64", /--max-num-batched-tokens/],
  ["--max-gap-ms", "METROPOLIS_MAX_GAP_MS", "100", /--max-num-batched-tokens/],
  ["--prefix-store-mib", "METROPOLIS_PREFIX_STORE_MIB", "1", /--enable-prefix-caching/],
  ["--deterministic", "METROPOLIS_DETERMINISTIC", undefined, /VLLM_BATCH_INVARIANT=1/],
  ["--no-speculation", "METROPOLIS_SPECULATION", undefined, /--speculative-config/],
] as const;

describe("an option of the engine in this process", () => {
  it.each(local)("%s is refused beside a server, with what to do", async (flag, variable, value, instead) => {
    const args = value === undefined ? [flag] : [flag, value];
    const refused = read([...vllm, ...args]);
    await expect(refused).rejects.toThrow(`${flag} is about a model in this process`);
    await expect(refused).rejects.toThrow(instead);
    await expect(read(vllm, { [variable]: value ?? "true" })).rejects.toThrow(`${variable} is about`);
  });

  it.each(["--no-memo", "--no-early-rejection", "--no-prefetch"])(
    "%s means the same over a server",
    async (flag) => {
      expect(await read([...vllm, flag])).toBeDefined();
    },
  );

  it.each([
    ["sglang", "--context-length"],
    ["llamacpp", "--ctx-size"],
  ])("is answered with the flags of %s", async (engine, instead) => {
    const refused = read(["--engine", engine, "--engine-url", url, "--context", "64"]);
    await expect(refused).rejects.toThrow(instead);
  });
});
