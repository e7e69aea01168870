import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { candidatesOf, startCandidate } from "../../../bench/peers/candidates.ts";
import { cpuOf, ratesOf } from "../../../bench/peers/comparison.ts";
import { timePeer } from "../../../bench/peers/peer.ts";
import type { Peer } from "../../../bench/peers/peer.ts";
import { Prompts, workloadsOf } from "../../../bench/peers/workloads.ts";

let venv: string;

beforeEach(async () => {
  venv = await mkdtemp(join(tmpdir(), "metropolis-peers-"));
  await mkdir(join(venv, "bin"));
});

afterEach(() => rm(venv, { recursive: true }));

/** A Python that runs this instead of the driver. */
async function installPython(script: string): Promise<void> {
  const file = join(venv, "bin", "python");
  await writeFile(file, `#!/usr/bin/env node\n${script}`);
  await chmod(file, 0o755);
}

const speaksProtocol = (tokens: string): string => `
  const answer = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
  answer({ engine: "an engine 1.0" });
  require("node:readline").createInterface(process.stdin).on("line", (line) => {
    const { prompts, tokens } = JSON.parse(line);
    answer({ tokens: prompts.map((prompt) => ${tokens}) });
  });`;

const [genai, llama] = candidatesOf({ format: "fp32", onnx: "a-model" });

describe("peers of the bench", () => {
  it("are skipped where they are not installed, with the way to install them", async () => {
    const nowhere = join(venv, "absent");
    expect(await startCandidate(genai!, { venv: nowhere, threads: 1 })).toBe(
      `no ${nowhere}; make it with \`scripts/peers.sh ${nowhere}\``,
    );
  });

  it("are skipped where their files are not given, with the option that gives them", async () => {
    expect(await startCandidate(llama!, { venv, threads: 1 })).toBe("no --gguf-fp32");
  });

  it("are skipped where a package is missing", async () => {
    await installPython(`console.log(JSON.stringify({ missing: "No module named 'onnxruntime_genai'" }))`);
    expect(await startCandidate(genai!, { venv, threads: 1 })).toMatch(
      /^No module named 'onnxruntime_genai'; /,
    );
  });

  it("fail the bench where they break, with what they said", async () => {
    await installPython(`console.error("out of memory"); process.exitCode = 1`);
    await expect(startCandidate(genai!, { venv, threads: 1 })).rejects.toThrow("out of memory");
  });

  it("are timed from a stopped process to its answer", async () => {
    await installPython(speaksProtocol("Array(tokens).fill(prompt[0])"));
    await using peer = (await startCandidate(genai!, { venv, threads: 1 })) as Peer;
    expect(peer.name).toBe("an engine 1.0");
    for (let round = 0; round < 2; round++) {
      const { seconds } = await timePeer(peer, [[7], [8]], 3);
      expect(seconds).toBeGreaterThan(0);
    }
  });

  it("fail the bench where they generate fewer tokens", async () => {
    await installPython(speaksProtocol("[prompt[0]]"));
    await using peer = (await startCandidate(genai!, { venv, threads: 1 })) as Peer;
    await expect(timePeer(peer, [[7], [8]], 3)).rejects.toThrow("3 tokens to each of 2 prompts");
  });
});

describe("the workloads' prompts", () => {
  it("share no token of the text, and end with it", () => {
    const four = workloadsOf(64).find(({ rows }) => rows === 4)!;
    const prompts = new Prompts(Array.from({ length: 9 * four.prompt }, (_, index) => index));
    const asked = [...prompts.next(four), ...prompts.next(four)];
    expect(asked.every(({ length }) => length === four.prompt)).toBe(true);
    expect(new Set(asked.flat()).size).toBe(8 * four.prompt);
    expect(() => prompts.next(four)).toThrow("fewer --rounds");
  });
});

describe("the comparison", () => {
  it("pairs the rounds: a slow minute bears on both", () => {
    const [one] = workloadsOf(100);
    const timings = [
      [1, 2, 10].map((seconds) => ({ seconds, cpuSeconds: 0.5 })),
      [2, 4, 5].map((seconds) => ({ seconds, cpuSeconds: 1 })),
    ];
    expect(ratesOf(one!, timings)).toEqual(["50.0", "25.0 (2.00x)"]);
    expect(cpuOf(one!, timings)).toEqual(["5.0", "10.0"]);
  });
});
