import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { locateModel, locateTokenizer } from "../../../src/assembly/locate-model.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "locate-"));
});
afterAll(() => rm(root, { recursive: true }));

const locate = (model: string) => locateModel({ model, dtype: undefined }, { HF_HOME: join(root, "hub") });

async function folderWith(...paths: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(root, "model-"));
  for (const path of paths) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), "");
  }
  return folder;
}

describe("a model's folder", () => {
  it.each(["model.onnx", "onnx/model.onnx", "onnx/model_q4.onnx"])("may hold %s", async (path) => {
    const folder = await folderWith(path, "config.json", "other/deep/model.onnx");
    expect(await locate(folder)).toEqual({ id: undefined, folder, graphPath: join(folder, path) });
  });

  it("may be a link, and so may what is in it", async () => {
    const folder = await folderWith("files/model.onnx");
    const linked = await folderWith("config.json");
    await symlink(join(folder, "files"), join(linked, "onnx"));
    expect((await locate(linked)).graphPath).toBe(join(linked, "onnx/model.onnx"));
    await symlink(linked, join(root, "link"));
    expect((await locate(join(root, "link"))).graphPath).toBe(join(root, "link/onnx/model.onnx"));
  });

  it("is looked at where models can be, and nowhere else", async () => {
    const folder = await folderWith("deep/model.onnx", "deep/er/model.onnx");
    // A walk would not come back from it.
    await symlink("loop", join(folder, "deep/loop"));
    await expect(locate(folder)).rejects.toThrow(
      /has no model\.onnx or onnx\/model\.onnx: there is no ONNX file/,
    );
    for (const huge of ["/", "/proc", "/usr"])
      await expect(locate(huge)).rejects.toThrow(`${huge} has no model.onnx or onnx/model.onnx`);
  });

  // The superuser reads everything.
  it.skipIf(process.getuid?.() === 0)("is refused in words where it may not be read", async () => {
    const folder = await folderWith("model.onnx");
    await chmod(folder, 0);
    for (const model of [folder, join(folder, "below")])
      await expect(locate(model)).rejects.toThrow(`${model} may not be read by this user; --model takes`);
    await chmod(folder, 0o700);
  });

  it("is refused in words where it cannot be one", async () => {
    const folder = await folderWith("file", "onnx-is-a-file/onnx");
    await symlink("loop", join(folder, "loop"));
    await mkdir(join(folder, "named/model.onnx"), { recursive: true });
    const refused: Readonly<Record<string, RegExp>> = {
      [join(folder, "file")]: /file is not a folder; --model takes/,
      [join(folder, "missing")]: /missing is not there; --model takes/,
      [join(folder, "file/below")]: /below is not there; --model takes/,
      [join(folder, "loop")]: /loop is a loop of symbolic links; --model takes/,
      [join(folder, "a".repeat(300))]: /is too long a name; --model takes/,
      [join(folder, "onnx-is-a-file")]: /has no model\.onnx/,
      [join(folder, "named")]: /has no model\.onnx/,
      [await folderWith()]: /has no model\.onnx/,
      "": /An empty name is not there; --model takes/,
    };
    for (const [model, message] of Object.entries(refused)) {
      await expect(locate(model)).rejects.toMatchObject({
        code: "model_not_found",
        message: expect.stringMatching(message) as unknown,
      });
    }
  });
});

describe("the tokenizer of a model that runs elsewhere", () => {
  const find = (model: string) => locateTokenizer({ model }, { HF_HOME: join(root, "tokenizers") });

  it("is found in a folder without a graph", async () => {
    const folder = await folderWith("tokenizer.json", "config.json");
    expect(await find(folder)).toEqual({ id: undefined, folder });
    await expect(locate(folder)).rejects.toThrow(/has no model\.onnx/);
  });

  it("is found in the cache without a graph, where other tools brought it", async () => {
    const snapshot = join(root, "tokenizers/hub/models--org--model/snapshots", "0".repeat(40));
    await mkdir(snapshot, { recursive: true });
    await mkdir(join(snapshot, "../../refs"));
    await writeFile(join(snapshot, "../../refs/main"), "0".repeat(40));
    await writeFile(join(snapshot, "model.safetensors"), "");
    await expect(find("org/model")).rejects.toMatchObject({
      code: "model_not_found",
      message: "org/model is in the cache without tokenizer.json.",
    });
    await writeFile(join(snapshot, "tokenizer.json"), "{}");
    expect(await find("org/model")).toEqual({ id: "org/model", folder: snapshot });
  });

  it("is refused in words where it is not", async () => {
    await expect(find(join(root, "missing"))).rejects.toThrow(/missing is not there; --model takes/);
    await expect(find("org/other")).rejects.toThrow(/metropolis models pull org\/other/);
  });
});
