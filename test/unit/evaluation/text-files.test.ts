import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importCommand } from "../../../src/commands/import.ts";
import { decodeText } from "../../../src/core/decode-text.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import { parseDataSet } from "../../../src/evaluation/data-set.ts";
import { parsePoints } from "../../../src/evaluation/entropy/points.ts";
import { readText } from "../../../src/commands/text-file.ts";

const line = '{"id":"a","prompt":"né","answer":1}';
const swapped = (text: string): Buffer => Buffer.from(`\ufeff${text}`, "utf16le").swap16();
/** One text as editors save it. */
const savedAs: readonly (readonly [string, (text: string) => Buffer])[] = [
  ["UTF-8", (text) => Buffer.from(text)],
  ["UTF-8 with a mark", (text) => Buffer.from(`\ufeff${text}`)],
  ["UTF-16, little end first", (text) => Buffer.from(`\ufeff${text}`, "utf16le")],
  ["UTF-16, big end first", swapped],
];
const options = { grader: "last_number", allowCommands: false, allowCode: false } as const;

describe("files that people wrote", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "metropolis-text-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const save = async (name: string, bytes: Buffer): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  };

  /** As `eval --data` does. */
  const readData = async (path: string) =>
    parseDataSet(await readText(path, "--data"), { ...options, name: path });

  it.each(savedAs)("are read from %s", async (_, encode) => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const path = await save("data.jsonl", encode([line, "", line.replace('"a"', '"b"'), ""].join(end)));
      const items = await readData(path);
      expect(items.map(({ id, prompt }) => [id, prompt])).toEqual([
        ["a", "né"],
        ["b", "né"],
      ]);
    }
    const rows = [0, 1, 2].map((step) => `{"step":${step},"H":${3 - step},"R":0.5}\r\n`);
    const points = await save("points.jsonl", encode(rows.join("")));
    expect(parsePoints(await readText(points, "points"), points)).toHaveLength(3);
  });

  it.each(savedAs)("are imported from %s, packed or not", async (_, encode) => {
    const gpqa =
      "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\r\nQ?,r,x,y,z\r\n";
    const out = join(folder, "out.jsonl");
    for (const path of [await save("g.csv", encode(gpqa)), await save("g.csv.gz", gzipSync(encode(gpqa)))]) {
      await importCommand().parseAsync(["gpqa", path, "--out", out], { from: "user" });
      expect(await readData(out)).toMatchObject([{ grader: { type: "choice" } }]);
    }
  });

  it.each(savedAs)("are models' too, from %s", async (_, encode) => {
    const model = join(folder, "model");
    await cp("models/abacus", model, { recursive: true });
    for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
      const text = await readFile(join("models/abacus", name), "utf8");
      await writeFile(join(model, name), encode(text));
    }
    expect((await readModelFolder(model)).model.defaults).toEqual(
      (await readModelFolder("models/abacus")).model.defaults,
    );
  });

  it.each([
    ["Latin-1", Buffer.from(line, "latin1")],
    ["UTF-16 without a mark", Buffer.from(line, "utf16le")],
    ["no text at all", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff])],
    ["half a UTF-16 character", Buffer.from([0xff, 0xfe, 0x41])],
  ])("say what to do with %s", async (_, bytes) => {
    const path = await save("odd.jsonl", bytes);
    await expect(readData(path)).rejects.toThrow(
      /^--data: .*odd\.jsonl is not UTF-8 text\. Save it as UTF-8\.$/,
    );
  });

  it("keep a mark that stands within the text", () => {
    expect(decodeText(Buffer.from("a\ufeffb"), "x")).toBe("a\ufeffb");
  });
});
