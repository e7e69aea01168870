import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Dtype } from "../../../src/hub/graph-choice.ts";
import { download } from "../../../src/hub/download.ts";
import { filesBelow, HubCache } from "../../../src/hub/hub-cache.ts";
import { HubClient } from "../../../src/hub/hub-client.ts";
import { readHubSettings } from "../../../src/hub/hub-settings.ts";
import { HubUnreachable, pullModel } from "../../../src/hub/pull.ts";
import { FakeHub } from "../../support/fake-hub.ts";

const id = "organisation/model-2.5_x";
const weights = Buffer.alloc(300_000, "weights, ");
const files = {
  "config.json": "{}",
  "genai_config.json": "{ }",
  "tokenizer.json": '{"model":{}}',
  "chat_template.jinja": "",
  "README.md": "not needed",
  "onnx/model.onnx": "fp32 graph",
  "onnx/model_q4.onnx": "q4 graph",
  "onnx/model_q4.onnx_data": weights,
  "onnx/model_fp16.onnx": "fp16 graph",
};

let hub: FakeHub;
let home: string;
let cache: HubCache;
beforeEach(async () => {
  hub = await FakeHub.start(id, files);
  home = await mkdtemp(join(tmpdir(), "metropolis-hub-"));
  cache = new HubCache({ HF_HOME: home });
});
afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const dataFilesOf = (path: string): string[] =>
  readFileSync(path, "utf8").startsWith("q4") ? ["model_q4.onnx_data"] : [];

const progress: [string, number][] = [];
function pull(
  options: {
    dtype?: Dtype;
    token?: string;
    model?: string;
    revision?: string;
    stallMs?: number;
    withoutGraph?: boolean;
  } = {},
) {
  progress.length = 0;
  return pullModel(
    options.model ?? id,
    { client: new HubClient({ endpoint: hub.url, token: options.token }), cache },
    {
      graph: options.withoutGraph === true ? undefined : { dtype: options.dtype, dataFilesOf },
      revision: options.revision ?? "main",
      onProgress: ({ path }, bytes) => progress.push([path, bytes]),
      retry: { retryDelayMs: 1, stallMs: options.stallMs ?? 60_000 },
    },
  );
}

const data = "onnx/model_q4.onnx_data";
const dataRanges = (): (string | undefined)[] =>
  hub.ranges.filter(({ path }) => path === data).map(({ range }) => range);
const blobs = (): Promise<string[]> => readdir(dirname(cache.blob(id, "x")));

describe("pullModel", () => {
  it("brings the files of one format, laid out as Hugging Face's libraries lay them out", async () => {
    const { folder, commit } = await pull();
    expect(commit).toBe(hub.commit);
    expect(folder).toBe(join(home, "hub", "models--organisation--model-2.5_x", "snapshots", commit));
    expect(await filesBelow(folder)).toEqual([
      "chat_template.jinja",
      "config.json",
      "genai_config.json",
      "onnx/model_q4.onnx",
      "onnx/model_q4.onnx_data",
      "tokenizer.json",
    ]);
    expect(await readFile(join(folder, data))).toEqual(weights);
    expect((await lstat(join(folder, data))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(home, "hub/models--organisation--model-2.5_x/refs/main"), "utf8")).toBe(
      commit,
    );
    // Small files stand under git's hash of them, large ones under their SHA-256.
    expect((await blobs()).map(({ length }) => length).sort()).toEqual([40, 40, 40, 40, 64, 64]);
    expect(progress.at(-1)).toEqual([data, weights.length]);
    expect(await cache.snapshots()).toEqual([{ id, commit, folder, revisions: ["main"] }]);
  });

  it("brings tokenizer and settings alone of a model that is run elsewhere, and its graph later", async () => {
    const { folder } = await pull({ withoutGraph: true });
    const texts = ["chat_template.jinja", "config.json", "genai_config.json", "tokenizer.json"];
    expect(await filesBelow(folder)).toEqual(texts);
    await pull();
    expect(await filesBelow(folder)).toContain(data);
  });

  it("refuses a repository without tokenizer.json where its graph is not wanted", async () => {
    await using bare = await FakeHub.start(id, { "config.json": "{}", "tokenizer.model": "" });
    const from = { client: new HubClient({ endpoint: bare.url, token: undefined }), cache };
    await expect(pullModel(id, from, { revision: "main", onProgress: () => undefined })).rejects.toThrow(
      `${id} has no tokenizer.json. Give --model a folder that has one`,
    );
  });

  it("names branches and tags, and takes a commit for what it is", async () => {
    const pulled = await pull({ revision: hub.commit });
    expect(await cache.snapshots()).toEqual([{ ...pulled, revisions: [] }]);
    expect(await cache.snapshot(id)).toBeUndefined();
    for (const revision of ["v1", "main"]) await pull({ revision });
    expect(await cache.snapshots()).toEqual([{ ...pulled, revisions: ["main", "v1"] }]);
    expect(await cache.snapshot(id, "v1")).toEqual(pulled);
  });

  it.each([
    "../../outside",
    "..",
    "a/../../../outside",
    "/etc/x",
    "a//b",
    "",
    "a\\b",
    "a\nb",
    ".git/x",
    "x/.",
    "a b",
  ])("writes nothing for the revision %j, which is none", async (revision) => {
    const before = await filesBelow(home);
    await expect(pull({ revision })).rejects.toThrow(/no name of a branch, tag or commit/);
    await expect(cache.snapshot(id, revision)).rejects.toThrow(/no name of a branch, tag or commit/);
    expect(await filesBelow(home)).toEqual(before);
  });

  it.each(["refs/pr/1", "v1.0-rc.2", "größer", "a@b"])("takes the revision %s", async (revision) => {
    const pulled = await pull();
    await cache.setRevision(id, revision, pulled.commit);
    expect(await cache.snapshot(id, revision)).toEqual(pulled);
  });

  it("puts a graph into the snapshot once its weights are there", async () => {
    const { folder } = await pull({ dtype: "fp16" });
    hub.fail(data, ...Array.from({ length: 10 }, () => ({ status: 503 })));
    await expect(pull({ dtype: "q4" })).rejects.toThrow(/503/);
    expect(await filesBelow(folder)).not.toContain("onnx/model_q4.onnx");
  });

  it("says that the cache cannot be written", async () => {
    await writeFile(join(home, "hub"), "in the way");
    await expect(pull()).rejects.toThrow(
      /The cache .*hub cannot be written: a file stands where a folder should.*HF_HOME/,
    );
  });

  it("asks for nothing that is there, and adds other formats", async () => {
    await pull();
    hub.ranges.length = 0;
    await pull();
    expect(hub.ranges).toEqual([]);
    const { folder } = await pull({ dtype: "fp16" });
    expect(hub.ranges.map(({ path }) => path)).toEqual(["onnx/model_fp16.onnx"]);
    expect(await filesBelow(folder)).toContain("onnx/model_q4.onnx");
  });

  it("takes cut connections up where they broke", async () => {
    hub.fail(data, { after: 100_000 }, { status: 503 }, { after: 50_000 }, { after: 0 });
    const { folder } = await pull();
    expect(await readFile(join(folder, data))).toEqual(weights);
    const starts = dataRanges().map((range) => (range === undefined ? 0 : Number(/\d+/.exec(range)![0])));
    expect(starts).toHaveLength(5);
    expect(starts[1]).toBeGreaterThan(0);
    expect(starts[3]).toBeGreaterThan(starts[1]!);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  });

  it("takes up a connection that fell silent", async () => {
    hub.fail(data, { after: 1000, stalls: true });
    const { folder } = await pull({ stallMs: 500 });
    expect(await readFile(join(folder, data))).toEqual(weights);
    expect(dataRanges()).toEqual([undefined, "bytes=1000-"]);
  });

  it("gives up after failures that bring nothing, and goes on in the next pull", async () => {
    hub.fail(data, { after: 120_000 }, ...Array.from({ length: 10 }, () => ({ status: 503 })));
    await expect(pull()).rejects.toThrow(/model_q4\.onnx_data could not be downloaded: .*503.*[Pp]ull again/);
    expect(await cache.snapshot(id)).toBeUndefined();
    hub.faults.clear();
    hub.ranges.length = 0;
    const { folder } = await pull();
    expect(await readFile(join(folder, data))).toEqual(weights);
    expect(dataRanges()[0]).toMatch(/^bytes=[1-9]/);
    expect(hub.ranges).toHaveLength(1);
  });

  it("starts over when the server ignores the range", async () => {
    hub.fail(data, { after: 100_000 }, { ignoresRange: true });
    const { folder } = await pull();
    expect(await readFile(join(folder, data))).toEqual(weights);
  });

  it.each([
    ["other bytes", data, { corrupts: true }, /arrived with hash \w{64} instead of \w{64}/],
    ["another small file", "config.json", { corrupts: true }, /config\.json arrived with hash \w{40}/],
    ["more bytes", data, { isLonger: true }, /longer .* than the 300000/],
  ])("refuses %s, keeps nothing of them, and can be repeated", async (_, path, fault, message) => {
    hub.fail(path, fault);
    await expect(pull()).rejects.toThrow(message);
    const left = (await blobs()).filter((name) => name.endsWith(".incomplete"));
    for (const name of left) expect((await stat(cache.blob(id, name))).size).toBe(0);
    const { folder } = await pull();
    expect(await readFile(join(folder, path))).toEqual(Buffer.from(files[path as keyof typeof files]));
  });

  it("refuses what an earlier pull left behind when it is wrong", async () => {
    hub.fail(data, { after: 100_000 }, ...Array.from({ length: 10 }, () => ({ status: 500 })));
    await expect(pull()).rejects.toThrow(/500/);
    const [incomplete] = (await blobs()).filter((name) => name.endsWith(".incomplete"));
    const path = cache.blob(id, incomplete!);
    await writeFile(path, Buffer.alloc((await stat(path)).size, "rot"));
    hub.faults.clear();
    await expect(pull()).rejects.toThrow(/arrived with hash/);
    await expect(pull()).resolves.toMatchObject({ id });
  });

  it.skipIf(!existsSync("/dev/full"))("says that the disk is full, and what to do", async () => {
    const { files: listed } = {
      files: await new HubClient({ endpoint: hub.url, token: undefined }).files(id, hub.commit),
    };
    const incomplete = `${cache.blob(id, listed.find(({ path }) => path === data)!.hash)}.incomplete`;
    await mkdir(dirname(incomplete), { recursive: true });
    // Every write to this device fails as on a full disk.
    await symlink("/dev/full", incomplete);
    await expect(pull()).rejects.toThrow(
      /onnx\/model_q4\.onnx_data \(300000 bytes, of which 300000 are missing\).*no space is left.*HF_HOME/,
    );
    await rm(incomplete);
    await expect(pull()).resolves.toMatchObject({ id });
  });

  it("opens gated models with a token, and sends it to nobody else", async () => {
    hub.token = "secret";
    await expect(pull()).rejects.toThrow(/no access to organisation\/model.*HF_TOKEN/);
    await expect(pull({ token: "wrong" })).rejects.toThrow(/token in HF_TOKEN may not read it/);
    await expect(pull({ token: "secret" })).resolves.toMatchObject({ id });
    expect(hub.leaked).toEqual([]);
    expect(hub.ranges.some(({ path }) => path === data)).toBe(true);
  });

  it("says what is missing", async () => {
    await expect(pull({ dtype: "q8" })).rejects.toThrow(/no q8 graph: it has fp32, q4, fp16.*--dtype/);
    await expect(pull({ model: "organisation/other" })).rejects.toThrow(/no model organisation\/other/);
    hub.isDown = true;
    await expect(pull()).rejects.toBeInstanceOf(HubUnreachable);
  });

  it("follows no path out of the snapshot", async () => {
    await using evil = await FakeHub.start(id, { "../../escape.json": "x", "model.onnx": "graph" });
    const client = new HubClient({ endpoint: evil.url, token: undefined });
    await expect(client.files(id, evil.commit)).rejects.toThrow(/'\.\.\/\.\.\/escape\.json'/);
  });
});

describe("download, beside another process that pulls the same", () => {
  const bytes = Buffer.alloc(200_000, "weights, ");
  const file = {
    path: "model.onnx",
    size: bytes.length,
    hash: createHash("sha256").update(bytes).digest("hex"),
    hashKind: "sha256",
  } as const;
  const streamOf = (): { push: (part: Buffer) => void; end: () => void; response: Response } => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    const stream = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
    return {
      push: (part) => {
        controller!.enqueue(part);
      },
      end: () => {
        controller!.close();
      },
      response: new Response(stream),
    };
  };

  it("cuts nothing off what the other wrote, and takes the file that the other finished", async () => {
    const target = join(home, "blob");
    const [one, other] = [streamOf(), streamOf()];
    let asked = 0;
    const arrived = { one: 0, other: 0 };
    const start = ({ response }: { response: Response }, who: keyof typeof arrived): Promise<void> =>
      download(file, target, {
        openAt: () => {
          asked++;
          return Promise.resolve(response);
        },
        onProgress: (count) => {
          arrived[who] = count;
        },
        retryDelayMs: 1,
      });
    // Both find nothing, and begin at the start.
    const first = start(one, "one");
    const second = start(other, "other");
    one.push(bytes.subarray(0, 150_000));
    await expect.poll(() => arrived.one).toBe(150_000);
    other.push(bytes.subarray(0, 10));
    await expect.poll(() => arrived.other).toBe(10);
    one.push(bytes.subarray(150_000));
    one.end();
    await first;
    expect(await readFile(target)).toEqual(bytes);
    other.push(bytes.subarray(10));
    other.end();
    await second;
    expect(asked).toBe(2);
    expect(await readFile(target)).toEqual(bytes);
  });
});

describe("readHubSettings", () => {
  it("takes empty variables for absent ones, and a slash off the end", () => {
    expect(readHubSettings({ HF_ENDPOINT: "", HF_TOKEN: "" })).toEqual({
      endpoint: "https://huggingface.co",
      token: undefined,
      isOffline: false,
    });
    expect(readHubSettings({ HF_ENDPOINT: "http://mirror:80/hf/" }).endpoint).toBe("http://mirror:80/hf");
  });

  it.each(["1", "true", "YES", "on"])("knows HF_HUB_OFFLINE=%s", (value) => {
    expect(readHubSettings({ HF_HUB_OFFLINE: value }).isOffline).toBe(true);
  });

  it.each(["huggingface.co", "ftp://mirror", "https://"])("refuses HF_ENDPOINT=%s by name", (endpoint) => {
    expect(() => readHubSettings({ HF_ENDPOINT: endpoint })).toThrow(/HF_ENDPOINT is '.*https:\/\/HOST/);
  });
});

describe("HubCache", () => {
  it.each([
    [{ HF_HUB_CACHE: "/a", HF_HOME: "/b" }, "/a"],
    [{ HF_HOME: "/b", XDG_CACHE_HOME: "/c" }, "/b/hub"],
    [{ XDG_CACHE_HOME: "/c" }, "/c/huggingface/hub"],
  ])("stands where the environment says: %j", (env, root) => {
    expect(new HubCache(env).root).toBe(root);
  });
});
