import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompleter } from "../../src/assembly/create-completer.ts";
import { usualEngine } from "../../src/assembly/engine-settings.ts";
import { locateModel } from "../../src/assembly/locate-model.ts";
import { hashFiles, stampFiles } from "../../src/assembly/model-files.ts";
import type { PromptSource } from "../../src/assembly/start-prompts.ts";
import type { Completer } from "../../src/decoder/completer.ts";
import { readContents } from "../../src/decoder/folder-contents.ts";
import { ProcessPromptEncoder } from "../../src/decoder/prompts/process-prompt-encoder.ts";
import { WorkerCompleter } from "../../src/decoder/worker-completer.ts";
import { bytePrompts, byteTokenizer } from "../support/byte-tokenizer.ts";
import { layOutModel } from "../support/exported-model.ts";
import { never } from "../support/toy-engine.ts";

/** Model folders are copied, written to and deleted by people: what is served must not change, nor end, by that. */

let root: string;
let original: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "metropolis-weights-"));
  original = join(root, "original");
  await mkdir(original);
  layOutModel("builder-llama-fp32", original);
});
afterAll(() => rm(root, { recursive: true, force: true }));

function copy(): string {
  const folder = join(root, `copy-${count++}`);
  cpSync(original, folder, { recursive: true });
  return folder;
}

const built = (path: string): URL => pathToFileURL(resolve("dist", path));

const settings = (model: string) => ({ ...usualEngine, model, lanes: 2, context: 64 });

async function answer(completer: Completer): Promise<number[]> {
  const request = { prompt: [1, 2, 3], maxTokens: 12, seed: 1, choice: 0, topCount: 0, stop: [] };
  const tokens: number[] = [];
  for await (const event of completer.complete(
    { ...request, ignoreEnd: true, settings: { sampler: "greedy" } },
    never,
  ))
    if (event.type === "text") tokens.push(...[...event.tokens].map(({ token }) => token));
  return tokens;
}

/** Mappings of files below a folder in this process. */
const mapped = (folder: string): number =>
  readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder)).length;

const noise = (path: string): Uint8Array => new Uint8Array(statSync(path).size).map((_, at) => at * 7);

/** What may become of a model's files while it is served. */
const faults: Readonly<Record<string, (folder: string) => void>> = {
  "weights cut short": (folder) => {
    truncateSync(join(folder, "model.onnx.data"), 100);
  },
  "weights written over in place": (folder) => {
    const path = join(folder, "model.onnx.data");
    writeFileSync(path, noise(path), { flag: "r+" });
  },
  "weights replaced by another file": (folder) => {
    const path = join(folder, "model.onnx.data");
    writeFileSync(`${path}.new`, noise(path));
    renameSync(`${path}.new`, path);
  },
  "the graph and the tokenizer emptied": (folder) => {
    for (const name of ["model.onnx", "tokenizer.json"]) truncateSync(join(folder, name), 0);
  },
  "the folder deleted": (folder) => {
    rmSync(folder, { recursive: true });
  },
};

describe("while a model is served", () => {
  it.each(Object.entries(faults))("%s: the answer stays the same", async (_name, fault) => {
    const folder = copy();
    const { completer } = await createCompleter(settings(folder));
    await using served = completer;
    const before = await answer(served);
    // First, since a mapping that is cut short would end this process in the next pass.
    if (process.platform === "linux") expect(mapped(folder)).toBe(0);
    fault(folder);
    expect(await answer(served)).toEqual(before);
    const [ids] = await served.prompts.encode([{ text: "abc", addSpecialTokens: false }], {
      param: "prompt",
      signal: never,
    });
    expect(ids!.length).toBeGreaterThan(0);
  });

  it.runIf(process.platform === "linux")("--map-weights leaves the files mapped, as it says", async () => {
    const folder = copy();
    const { completer } = await createCompleter({ ...settings(folder), mapWeights: true });
    await using served = completer;
    expect(mapped(folder)).toBeGreaterThan(0);
    expect((await answer(served)).length).toBe(12);
  });

  it("a process that is started later to encode prompts has the tokenizer of the start", async () => {
    const folder = copy();
    const contents = await readContents(folder);
    rmSync(folder, { recursive: true });
    await using prompts = await ProcessPromptEncoder.start({
      entry: built("assembly/prompt-process.js"),
      source: { folder, contents, chatTemplate: undefined } satisfies PromptSource,
      takesChats: false,
      onNote: () => undefined,
    });
    const [ids] = await prompts.encode([{ text: "abc", addSpecialTokens: false }], {
      param: "prompt",
      signal: never,
    });
    expect(ids!.length).toBeGreaterThan(0);
  });

  /** The real worker, which a call for scores ends. */
  async function startMortal(folder: string, onNote: (note: string) => void): Promise<WorkerCompleter> {
    const entry = `
      import { parentPort } from "node:worker_threads";
      parentPort.on("message", (list) => { if (list.some(({ type }) => type === "score")) throw new Error("planted"); });
      await import("${built("assembly/worker.js").href}");`;
    const stamps = await hashFiles(await stampFiles(await locateModel({ model: folder, dtype: undefined })));
    return WorkerCompleter.start({
      entry: new URL(`data:text/javascript,${encodeURIComponent(entry)}`),
      workerData: { settings: settings(folder), stamps },
      tokenizer: byteTokenizer(),
      prompts: bytePrompts(),
      onNote,
    });
  }

  const kill = (completer: Completer): Promise<void> =>
    expect(completer.score([1, 2], { topCount: 0 }, never)).rejects.toMatchObject({ code: "engine_failed" });

  it("a worker that died is not replaced by one of other files under the same name, until the old ones are back", async () => {
    const folder = copy();
    const notes: string[] = [];
    await using completer = await startMortal(folder, (note) => notes.push(note));
    const before = await answer(completer);
    expect(before.length).toBe(12);
    const path = join(folder, "model.onnx.data");
    const { atime, mtime } = statSync(path);
    writeFileSync(path, noise(path), { flag: "r+" });
    // Of the same size and date, as `cp --preserve` and `rsync --times` leave it.
    utimesSync(path, atime, mtime);
    await kill(completer);
    const problem = {
      code: "engine_failed",
      message: expect.stringMatching(/files changed since the start \(.*model\.onnx\.data\)/) as string,
    };
    await expect(completer.health()).rejects.toMatchObject(problem);
    // It is said for as long as it lasts, not in the moment of an attempt alone.
    await expect(completer.health()).rejects.toMatchObject(problem);
    expect(notes.join("\n")).toMatch(/did not start: The model's files changed/);
    rmSync(folder, { recursive: true });
    cpSync(original, folder, { recursive: true });
    await expect.poll(() => completer.health().catch(() => undefined)).toBeDefined();
    expect(await answer(completer)).toEqual(before);
  });

  it("a worker that died is replaced where a backup, an owner or a date touched the files alone", async () => {
    const folder = copy();
    await using completer = await startMortal(folder, () => undefined);
    const before = await answer(completer);
    const at = (name: string): string => join(folder, name);
    linkSync(at("model.onnx.data"), at("backup"));
    chmodSync(at("model.onnx"), 0o400);
    utimesSync(at("tokenizer.json"), 0, 0);
    cpSync(at("config.json"), at("config.json.new"));
    renameSync(at("config.json.new"), at("config.json"));
    await kill(completer);
    expect(await answer(completer)).toEqual(before);
  });
});

describe("while a model is loaded", () => {
  it("files that are not the ones that were stamped are refused, by name", async () => {
    const folder = copy();
    const stamps = await stampFiles(await locateModel({ model: folder, dtype: undefined }));
    writeFileSync(join(folder, "tokenizer_config.json"), "{}");
    await expect(createCompleter(settings(folder), { stamps })).rejects.toThrow(
      /changed since the start \(.*tokenizer_config\.json\)/,
    );
  });

  it("files that are written to meanwhile are refused", async () => {
    const folder = copy();
    const path = join(folder, "model.onnx.data");
    const bytes = readFileSync(path);
    const loading = createCompleter(settings(folder));
    // It goes on being copied for as long as the model is loaded.
    const writing = setInterval(() => {
      writeFileSync(path, bytes);
    }, 1);
    await loading.catch(() => undefined);
    clearInterval(writing);
    await expect(loading).rejects.toThrow(/changed since the start|cut short|is empty/);
  });

  it.each<[string, (folder: string) => void, RegExp]>([
    ["weights cut short", faults["weights cut short"]!, /model\.onnx\.data beside it is cut short/],
    [
      "weights that are empty",
      (folder) => {
        truncateSync(join(folder, "model.onnx.data"), 0);
      },
      /model\.onnx\.data beside it is cut short/,
    ],
    [
      "a graph cut short",
      (folder) => {
        truncateSync(join(folder, "model.onnx"), 5000);
      },
      /model\.onnx is no ONNX file, or cut short/,
    ],
    [
      "a tokenizer cut short",
      (folder) => {
        truncateSync(join(folder, "tokenizer.json"), 500);
      },
      /tokenizer\.json is not JSON/,
    ],
    [
      "a pipe in place of the tokenizer",
      (folder) => {
        rmSync(join(folder, "tokenizer.json"));
        execFileSync("mkfifo", [join(folder, "tokenizer.json")]);
      },
      /tokenizer\.json cannot be read: it is no file/,
    ],
    [
      "a pipe in place of the graph",
      (folder) => {
        rmSync(join(folder, "model.onnx"));
        execFileSync("mkfifo", [join(folder, "model.onnx")]);
      },
      /model\.onnx is no ONNX file/,
    ],
    [
      "a folder in place of the weights",
      (folder) => {
        rmSync(join(folder, "model.onnx.data"));
        cpSync(original, join(folder, "model.onnx.data"), { recursive: true });
      },
      /model\.onnx\.data/,
    ],
    [
      "weights outside of the folder",
      (folder) => {
        const graph = readFileSync(join(folder, "model.onnx")).toString("latin1");
        const name = "model.onnx.data";
        writeFileSync(join(folder, "model.onnx"), graph.replaceAll(name, "../../../../etc"), "latin1");
      },
      /keeps weights in \.\.\/\.\.\/\.\.\/\.\.\/etc, outside of its own folder/,
    ],
  ])("%s are named", async (_name, fault, message) => {
    const folder = copy();
    fault(folder);
    await expect(createCompleter(settings(folder))).rejects.toThrow(message);
  });
});
