import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readContents } from "../../src/decoder/folder-contents.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import { readGraphFile } from "../../src/engine/onnx/graphs/graph-file.ts";
import { layOutModel } from "../support/exported-model.ts";

/** A folder's author chooses where its links lead; the server would follow them with its operator's rights. */

const root = mkdtempSync(join(tmpdir(), "metropolis-links-"));
const original = join(root, "original");
mkdirSync(original);
layOutModel("builder-llama-fp32", original);
const secret = join(root, "secret.json");
writeFileSync(secret, JSON.stringify({ auths: "the operator's" }));
afterAll(() => {
  rmSync(root, { recursive: true });
});

let count = 0;
function copy(): string {
  const folder = join(root, `copy-${count++}`);
  cpSync(original, folder, { recursive: true });
  return folder;
}

function linked(name: string, target: string): string {
  const folder = copy();
  rmSync(join(folder, name), { force: true });
  symlinkSync(target, join(folder, name));
  return folder;
}

const refusal = (name: string): RegExp => new RegExp(`${name}.* is a link out of the model's folder`);

describe("a link out of a model's folder", () => {
  it.each([
    ["tokenizer_config.json", secret],
    ["tokenizer_config.json", "../secret.json"],
    ["generation_config.json", secret],
    ["special_tokens_map.json", secret],
    ["chat_template.jinja", "/proc/self/environ"],
    // Never ends; said to be a file.
    ["chat_template.jinja", "/proc/kmsg"],
    ["tokenizer.json", join(original, "tokenizer.json")],
  ])("is refused by name: %s to %s", async (name, target) => {
    const folder = linked(name, target);
    // Not there on every system; then the file is as good as absent.
    if (target.startsWith("/proc") && process.platform !== "linux") return;
    const message = `${join(folder, name)} cannot be read: it is a link out of the model's folder`;
    await expect(readModelFolder(folder)).rejects.toThrow(message);
  });

  it("is refused where it is two links away, or a folder on the way", async () => {
    const folder = linked("chat_template.jinja", "there/secret.json");
    symlinkSync(root, join(folder, "there"));
    await expect(readContents(folder)).rejects.toThrow(refusal("chat_template.jinja"));
  });

  it("is refused of a folder whose name begins another's", async () => {
    const folder = copy();
    const other = `${folder}-of-the-operator`;
    mkdirSync(other);
    writeFileSync(join(other, "template"), "secret");
    symlinkSync(join(other, "template"), join(folder, "chat_template.jinja"));
    await expect(readContents(folder)).rejects.toThrow(refusal("chat_template.jinja"));
  });

  it("is refused of graphs and weights", () => {
    for (const name of ["model.onnx", "model.onnx.data"]) {
      const folder = linked(name, join(original, name));
      expect(() => readGraphFile(join(folder, "model.onnx"))).toThrow(refusal(name));
    }
  });
});

describe("links that stay within", () => {
  const read = async (folder: string): Promise<void> => {
    const contents = await readContents(folder);
    expect(contents["tokenizer.json"]).toEqual((await readContents(original))["tokenizer.json"]);
    const { missingFiles, shortFiles } = readGraphFile(join(folder, "model.onnx"));
    expect([missingFiles, shortFiles]).toEqual([[], []]);
  };

  it("are read: of a folder that is a link itself", async () => {
    const link = join(root, "link");
    symlinkSync(original, link);
    await read(link);
  });

  it("are read: of one that is mounted, whose files stand in a folder of a date", async () => {
    const folder = copy();
    mkdirSync(join(folder, "..2026"));
    symlinkSync("..2026", join(folder, "..data"));
    for (const name of ["tokenizer.json", "model.onnx", "model.onnx.data"]) {
      renameSync(join(folder, name), join(folder, "..2026", name));
      symlinkSync(join("..data", name), join(folder, name));
    }
    await read(folder);
  });

  it("are read: of a snapshot in the hub's cache", async () => {
    const model = join(root, "hub/models--org--name");
    const snapshot = join(model, "snapshots/abc");
    mkdirSync(snapshot, { recursive: true });
    cpSync(original, join(model, "blobs"), { recursive: true });
    for (const name of ["config.json", "tokenizer.json", "model.onnx", "model.onnx.data"])
      symlinkSync(join("../../blobs", name), join(snapshot, name));
    await read(snapshot);
    symlinkSync(secret, join(snapshot, "chat_template.jinja"));
    await expect(readContents(snapshot)).rejects.toThrow(refusal("chat_template.jinja"));
  });

  it("are read: hard ones, which are files like any other", async () => {
    const folder = copy();
    rmSync(join(folder, "tokenizer.json"));
    linkSync(join(original, "tokenizer.json"), join(folder, "tokenizer.json"));
    await read(folder);
  });

  it("leave a file that is not there absent", async () => {
    const folder = linked("chat_template.jinja", "nowhere");
    expect(await readContents(folder)).not.toHaveProperty("chat_template.jinja");
  });
});
