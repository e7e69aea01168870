import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { openLog } from "../../src/commands/server-log.ts";
import { makeFolder } from "../../src/files/make-folder.ts";
import { makeTemporaryFolder } from "../../src/files/temporary-folder.ts";
import { download } from "../../src/hub/download.ts";
import { HubCache } from "../../src/hub/hub-cache.ts";
import { commandPath, runCommand } from "../support/server-process.ts";

/** Disks without room, files that may not be written, processes that are ended: what is written is whole, the rest is said. */

const folder = await mkdtemp(join(tmpdir(), "metropolis-disk-"));
afterAll(() => rm(folder, { recursive: true }));

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs node within limits of a shell, as `ulimit` has them. */
async function within(limits: string, ...args: readonly string[]): Promise<Said> {
  const child = spawn("/bin/sh", ["-c", `${limits} && exec "$0" "$@"`, process.execPath, ...args]);
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk: Buffer) => (said[name] += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...said };
}

const compiled = (path: string): string =>
  JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);

const evaluation = "eval --data models/abacus/test.jsonl --n 2 --samplers standard --deterministic".split(
  " ",
);

const linesOf = async (path: string): Promise<string[]> =>
  (await readFile(path, "utf8").catch(() => "")).split("\n").slice(0, -1);

/** Results without what depends on the clock, in the order of their questions. */
const resultsIn = async (out: string): Promise<unknown[]> =>
  (await linesOf(join(out, "results.jsonl")))
    .map(
      (line) =>
        JSON.parse(line, (key, value: unknown) => (/seconds$|^at$/i.test(key) ? 0 : value)) as {
          id?: string;
        },
    )
    .sort((one, other) => (one.id ?? "").localeCompare(other.id ?? ""));

describe("a file that may not become as large as it should", () => {
  it.concurrent("leaves what is there whole, and is named with what mends it", async ({ expect }) => {
    const script = `
      import { openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
      import { open } from "node:fs/promises";
      import { appendWhole, writeWhole } from ${compiled("files/write-whole.js")};
      import { ResultFile } from ${compiled("evaluation/result-file.js")};
      import { download } from ${compiled("hub/download.js")};
      import { startChild } from ${compiled("evaluation/graders/child.js")};
      const large = "x".repeat(100_000);
      const failure = (promise) => promise.then(() => "none", (error) => error.message);
      process.chdir(${JSON.stringify(await mkdtemp(join(folder, "limited-")))});
      const told = {};
      writeFileSync("report.html", "as it was");
      told.replaced = [await failure(writeWhole("report.html", large)), readFileSync("report.html", "utf8"), readdirSync(".")];
      told.device = await failure(writeWhole("/dev/full", "x"));
      writeFileSync("points.jsonl", "one\\n");
      const points = await open("points.jsonl", "a");
      told.appended = [await failure(appendWhole(points, large)), readFileSync("points.jsonl", "utf8")];
      await points.close();
      const results = await ResultFile.open("results.jsonl", { seed: 1 });
      told.results = [await failure(results.append({ text: large })), readFileSync("results.jsonl", "utf8").split("\\n").length];
      await results[Symbol.asyncDispose]();
      const reply = async () => new Response(large);
      const file = { path: "model.onnx", size: large.length, hash: "", hashKind: "sha256" };
      told.download = [await failure(download(file, "blob", { openAt: reply, onProgress() {} })), readFileSync("blob.incomplete").length > 0];
      try {
        for (;;) openSync("/dev/null");
      } catch {
        const limits = { timeoutMs: 1e4, maxOutputBytes: 1, hasPipes: true };
        told.child = await failure((async () => startChild(["true"], limits).outcome)());
      }
      process.stdout.write(JSON.stringify(told));`;
    const limits = "ulimit -f 8 && ulimit -n 400";
    const { stdout, stderr } = await within(limits, "--input-type=module", "--eval", script);
    expect(stderr).toBe("");
    const grown = "it may not become that large. Let files be larger (ulimit -f), or choose another disk.";
    expect(JSON.parse(stdout)).toEqual({
      replaced: [
        `report.html cannot be written: ${grown} What was there before is left as it was.`,
        "as it was",
        ["report.html"],
      ],
      device: "/dev/full cannot be written: no space is left on its disk. Make room.",
      appended: [expect.stringContaining("EFBIG") as unknown, "one\n"],
      results: [
        `results.jsonl cannot be written: ${grown} What was finished is kept: start it again to go on.`,
        2,
      ],
      download: [
        expect.stringMatching(/model\.onnx \(100000 bytes, of which \d+ are missing\).*goes on where/),
        true,
      ],
      child: expect.stringContaining("EMFILE") as unknown,
    });
  });

  it.concurrent("stops an evaluation, which goes on once there is room", async ({ expect }) => {
    const [whole, stopped] = [join(folder, "whole"), join(folder, "stopped")];
    const args = [...evaluation, "--limit", "12"];
    const [uninterrupted, full] = await Promise.all([
      runCommand([...args, "--out", whole]),
      within("ulimit -f 4", commandPath, ...args, "--out", stopped),
    ]);
    expect(uninterrupted.code).toBe(0);
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(
      /error: .*results\.jsonl cannot be written: [^\n]*start it again to go on\.\n$/,
    );
    const results = join(stopped, "results.jsonl");
    // A process that is killed at once leaves a part of a line.
    await writeFile(results, '{"model":"aba', { flag: "a" });
    expect((await linesOf(results)).length).toBeLessThan(13);
    expect((await runCommand([...args, "--out", stopped])).code).toBe(0);
    expect(await resultsIn(stopped)).toEqual(await resultsIn(whole));
  });
});

it.concurrent(
  "an evaluation ends on SIGHUP with its results whole, and says how to go on",
  async ({ expect }) => {
    const results = join(folder, "hung-up", "results.jsonl");
    const child = spawn(process.execPath, [commandPath, ...evaluation, "--out", join(folder, "hung-up")]);
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(async () => (await linesOf(results)).length).toBeGreaterThan(2);
    child.kill("SIGHUP");
    expect(await once(child, "close")).toEqual([129, null]);
    expect(said).toContain("Interrupted by SIGHUP. What was finished is kept: start it again to go on.");
    expect(await readFile(results, "utf8")).toMatch(/\}\n$/);
  },
);

describe("the cache of models", () => {
  const id = "org/model";
  const commit = "a".repeat(40);
  const open = async (): Promise<{ cache: HubCache; ref: string }> => {
    const cache = new HubCache({ HF_HOME: await mkdtemp(join(folder, "home-")) });
    await cache.setRevision(id, "main", commit);
    return { cache, ref: join(cache.root, "models--org--model/refs/main") };
  };

  it("gets no file with a hole where another process finishes it meanwhile", async () => {
    const bytes = Buffer.alloc(1000, "weights, ");
    const file = {
      path: "model.onnx",
      size: bytes.length,
      hash: createHash("sha256").update(bytes).digest("hex"),
      hashKind: "sha256",
    } as const;
    const target = join(await mkdtemp(join(folder, "blobs-")), "blob");
    await writeFile(`${target}.incomplete`, bytes.subarray(0, 600));
    let isTaken = false;
    await download(file, target, {
      retryDelayMs: 1,
      openAt: (offset) => Promise.resolve(new Response(bytes.subarray(offset), { status: 206 })),
      onProgress: () => {
        if (isTaken) return;
        isTaken = true;
        renameSync(`${target}.incomplete`, target);
      },
    });
    expect((await readFile(target)).equals(bytes)).toBe(true);
  });

  it("is read where a full disk left a revision empty", async () => {
    const { cache, ref } = await open();
    await cache.link(id, commit, { path: "config.json", hash: "b" });
    await writeFile(ref, "");
    expect(await cache.snapshot(id)).toBeUndefined();
    await cache.setRevision(id, "main", commit);
    expect(await cache.snapshot(id)).toMatchObject({ commit });
    expect(await readdir(join(ref, ".."))).toEqual(["main"]);
  });

  it("is not written to where it holds what is asked for, so that it may be read-only", async () => {
    const { cache, ref } = await open();
    const { mtimeNs, ino } = await stat(ref, { bigint: true });
    await cache.setRevision(id, "main", commit);
    expect(await stat(ref, { bigint: true })).toMatchObject({ mtimeNs, ino });
  });

  it.each(["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"])(
    "is where it usually is where %s is empty, not in the working folder",
    (name) => {
      expect(new HubCache({ [name]: "" }).root).toBe(join(homedir(), ".cache/huggingface/hub"));
    },
  );
});

it.runIf(process.platform === "linux")(
  "a folder that cannot be made is an error, for its own reason",
  async () => {
    await expect(makeFolder("/proc/models/hub")).rejects.toMatchObject({
      code: "ENOENT",
      path: "/proc/models",
    });
    await expect(makeFolder("/dev/null/hub")).rejects.toMatchObject({ code: "EEXIST" });
    const [one, other] = [join(folder, "a/b/c"), join(folder, "a/b/d")];
    await Promise.all([makeFolder(one), makeFolder(other), makeFolder(one)]);
    expect((await readdir(join(folder, "a/b"))).sort()).toEqual(["c", "d"]);
  },
);

it("says that TMPDIR is not there", async () => {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = join(folder, "nowhere");
  try {
    await expect(makeTemporaryFolder("x-")).rejects.toThrow(/^TMPDIR: no folder can be made in .*nowhere/);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

it("a log whose reader stops reading takes no more memory, and says later how much was lost", async () => {
  const read: string[] = [];
  let goOn = (): void => undefined;
  let isStopped = true;
  const output = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, callback) => {
      read.push(chunk);
      if (isStopped) goOn = callback;
      else callback();
    },
  });
  const logger = openLog("info", output);
  for (let line = 0; line < 5000; line++) logger.info("x".repeat(1000));
  expect(output.writableLength).toBeLessThan(2 ** 20 + 4096);
  isStopped = false;
  goOn();
  await expect.poll(() => output.writableLength).toBe(0);
  logger.info("after");
  await expect.poll(() => read.at(-1)).toContain("after");
  const lost = Number(/"msg":"(\d+) lines of the log were lost/.exec(read.at(-2)!)![1]);
  expect(read.length - 2 + lost).toBe(5000);
});
