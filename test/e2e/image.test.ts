import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { chmod, chown } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";

/** The image's root, laid out by scripts/lay-out-image.sh; .ci/run does so, for it needs a registry. */
const root = process.env.METROPOLIS_TEST_IMAGE ?? "";

const dockerfile = readFileSync(fileURLToPath(new URL("../../Dockerfile", import.meta.url)), "utf8");

/** The last stage, which `docker build` without a target gives. */
const stage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));

function instruction(pattern: RegExp): string {
  const match = pattern.exec(stage);
  if (match === null) throw new Error(`the Dockerfile's last stage has no ${String(pattern)}`);
  return match[1]!;
}

const command = (pattern: RegExp): string[] => JSON.parse(instruction(pattern)) as string[];

const entrypoint = command(/^ENTRYPOINT (.*)$/m);
const argumentsOf = command(/^CMD (.*)$/m);
const healthCheck = command(/^HEALTHCHECK .*CMD (.*)$/m);
const [uid, gid] = instruction(/^USER (\d+:\d+)$/m)
  .split(":")
  .map(Number);
const variables = Object.fromEntries(
  instruction(/^ENV (.*)$/m)
    .split(" ")
    .map((entry) => entry.split("=") as [string, string]),
);
const volume = instruction(/^VOLUME (.*)$/m);

/** Paths of the image, where they stand here. */
const inImage = (text: string): string => text.replace(/^(?=\/(app|models))/, root);

/** Runs a command as the container would: its user, its variables and nothing else of this process. */
function run([program, ...args]: readonly string[], port: number): ChildProcess {
  const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, inImage(value)]));
  const isRoot = process.getuid!() === 0;
  return spawn(program === "node" ? process.execPath : program!, args.map(inImage), {
    cwd: join(root, "app"),
    env: {
      ...env,
      METROPOLIS_PORT: String(port),
      METROPOLIS_HEALTH_PORT: String(port + 1),
      PATH: dirname(process.execPath),
    },
    ...(isRoot ? { uid: uid!, gid: gid! } : {}),
  });
}

const exitOf = async (child: ChildProcess): Promise<number | null> =>
  ((await once(child, "exit")) as [number | null])[0];

describe.skipIf(root === "")("the container image", () => {
  beforeAll(async () => {
    if (process.getuid!() !== 0) return;
    // As COPY --chown does, and as a container's root is open to its users.
    await chown(inImage(volume), uid!, gid!);
    for (const folder of [root, dirname(root)]) await chmod(folder, 0o755);
  });

  it("holds the server and the embedded model, and nothing that only builds or tests", () => {
    const modules = readdirSync(join(root, "app/node_modules"));
    expect(modules).toContain("onnxruntime-node");
    for (const name of ["typescript", "vitest", "eslint"]) expect(modules).not.toContain(name);
    expect(existsSync(join(root, "app/models/abacus/model.onnx"))).toBe(true);
    expect(existsSync(join(root, "app/LICENSE"))).toBe(true);
    const runtimes = join(root, "app/node_modules/onnxruntime-node/bin/napi-v6");
    expect(readdirSync(runtimes)).toEqual([process.platform]);
    expect(readdirSync(join(runtimes, process.platform))).toEqual([process.arch]);
  });

  it("says what it is made of, by name, version and hash", () => {
    const { components } = JSON.parse(readFileSync(join(root, "app/sbom.cdx.json"), "utf8")) as {
      components: { name: string; version: string; hashes?: { alg: string }[] }[];
    };
    const names = components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["fastify", "onnxruntime-node", "tokenizers"]));
    expect(names).not.toContain("vitest");
    expect(components.filter(({ hashes }) => hashes?.[0]?.alg !== "SHA-512")).toEqual([]);
  });

  it("runs as another user than root, is healthy, answers, and ends on SIGTERM", async () => {
    expect(uid).toBeGreaterThan(0);
    const port = await freePort();
    expect(await exitOf(run(healthCheck, port))).toBe(1);

    const server = run([...entrypoint, ...argumentsOf], port);
    const exited = exitOf(server);
    let output = "";
    for (const stream of [server.stdout!, server.stderr!]) {
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    }
    try {
      while (!output.includes("serving ") && server.exitCode === null)
        await Promise.race([once(server.stdout!, "data"), exited]);
      expect(await exitOf(run(healthCheck, port))).toBe(0);

      // Open to all addresses, not the one that the server would listen on by itself.
      const reply = await fetch(`http://127.0.0.2:${port}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt: "7-2*3+4=", sampler: "power", seed: 1 }),
      });
      const { choices } = (await reply.json()) as { choices: { text: string; power: object }[] };
      expect(choices[0]).toMatchObject({ text: "2*3=6;7-6=1;1+4=5;#5" });
      expect(choices[0]!.power).toBeDefined();
    } finally {
      server.kill("SIGTERM");
    }
    expect({ code: await exited, output }).toMatchObject({ code: 0 });
  });

  it("lets that user pull models into the volume", async () => {
    const make = 'require("node:fs").mkdirSync(`${process.env.HF_HOME}/hub`, { recursive: true })';
    expect(await exitOf(run(["node", "-e", make], 0))).toBe(0);
    expect(existsSync(join(inImage(volume), "hub"))).toBe(true);
  });
});
