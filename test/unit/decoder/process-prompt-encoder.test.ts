import { execFileSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { InferenceError } from "../../../src/core/errors.ts";
import type { Prompt } from "../../../src/decoder/prompts/prompt-encoder.ts";
import { ProcessPromptEncoder } from "../../../src/decoder/prompts/process-prompt-encoder.ts";
import type { ProcessPromptEncoderOptions } from "../../../src/decoder/prompts/process-prompt-encoder.ts";
import { bytePrompts, byteTokenizerJson } from "../../support/byte-tokenizer.ts";
import { encode } from "../../support/encode.ts";
import { deadlyText, endlessChat, endlessText, writeHostileModel } from "../../support/hostile-model.ts";

let folder: string;
let encoder: ProcessPromptEncoder | undefined;
const notes: string[] = [];
const start = async (options: Partial<ProcessPromptEncoderOptions> = {}): Promise<ProcessPromptEncoder> => {
  encoder = await ProcessPromptEncoder.start({
    entry: new URL("../../../dist/assembly/prompt-process.js", import.meta.url),
    source: { folder, chatTemplate: undefined },
    takesChats: true,
    onNote: (note) => notes.push(note),
    graceMs: 0,
    ...options,
  });
  return encoder;
};
beforeAll(async () => {
  folder = await writeHostileModel();
});
afterEach(async () => {
  await encoder?.[Symbol.asyncDispose]();
  expect(processIds()).toEqual([]);
  notes.length = 0;
});
afterAll(() => rm(folder, { recursive: true }));

/** Of this process's encoders that are alive. */
const processIds = (): number[] =>
  execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, parent, ...args]) => Number(parent) === process.pid && args.join(" ").includes("prompt-process"),
    )
    .map(([pid]) => Number(pid));

/** Begins a call that does not end by itself. */
function begin(prompts: ProcessPromptEncoder, prompt: Prompt, param = "prompt", client?: string) {
  const controller = new AbortController();
  const work = prompts.encode([prompt], { param, client, signal: controller.signal });
  work.catch(() => undefined);
  const leave = (): void => {
    controller.abort();
  };
  return { work, leave };
}

const endless = { text: endlessText, addSpecialTokens: false };
const bytesOf = (text: string): number[] => [...Buffer.from(text)];

describe("processes that encode", () => {
  it("say so where none can be started, at the start and in place of one that died", async () => {
    const { execPath } = process;
    const within = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      process.execPath = join(folder, "absent");
      try {
        return await work();
      } finally {
        process.execPath = execPath;
      }
    };
    await expect(within(() => start())).rejects.toMatchObject({
      code: "engine_failed",
      message: expect.stringMatching(/ended before it was ready \(spawn .*absent ENOENT\)/) as unknown,
    });
    const prompts = await start();
    await within(async () => {
      for (const pid of processIds()) process.kill(pid, "SIGKILL");
      await expect.poll(() => notes).toContainEqual(expect.stringMatching(/did not start: .*ENOENT/));
      await expect(encode(prompts, { text: "1", addSpecialTokens: false })).rejects.toMatchObject({
        code: "engine_failed",
      });
    });
    expect(await encode(prompts, { text: "1", addSpecialTokens: false })).toEqual(bytesOf("1"));
  });

  it("give what this process would, one by one and many at once", async () => {
    const prompts = await start();
    const texts = ["7-2*3+4=", "", "Grüße, 世界 👍🏽", "\ud800", "x".repeat(100_000)];
    const asked = texts.map((text) => ({ text, addSpecialTokens: true }));
    const { signal } = new AbortController();
    const here = await bytePrompts().encode(asked, { param: "prompt", signal });
    expect(await prompts.encode(asked, { param: "prompt", signal })).toEqual(here);
    expect(await Promise.all(asked.map((prompt) => encode(prompts, prompt)))).toEqual(here);
    const chat = { ...endlessChat, variables: { loops: 1 } };
    expect(await encode(prompts, chat)).toEqual(bytesOf("hi"));
  });

  it("encode short texts while a long one takes its time", async () => {
    const prompts = await start();
    const { work, leave } = begin(prompts, endless);
    const second = begin(prompts, endless);
    for (let round = 0; round < 3; round++) expect(await encode(prompts, "hello")).toEqual(bytesOf("hello"));
    leave();
    second.leave();
    await expect(work).rejects.toMatchObject({ code: "aborted" });
  });

  it("go to clients in turn, however many texts of one wait", async () => {
    const prompts = await start({ processes: 1, callTimeoutMs: 2000 });
    const order: string[] = [];
    const crowd = [0, 1].map(async (index) => {
      await begin(prompts, endlessChat, "messages", "crowd").work.catch(() => order.push(`crowd ${index}`));
    });
    const lone = begin(prompts, { text: "hi", addSpecialTokens: false }, "prompt", "lone").work;
    await Promise.all([...crowd, lone.then(() => order.push("lone"))]);
    expect(order).toEqual(["crowd 0", "lone", "crowd 1"]);
  });

  it("are never all of a client's whose text had to be ended", async () => {
    const prompts = await start({ processes: 2, callTimeoutMs: 2000 });
    const order: string[] = [];
    const slow = (): Promise<unknown> =>
      begin(prompts, endlessChat, "messages", "slow").work.catch(() => order.push("slow"));
    await slow();
    const more = [slow(), slow(), slow()];
    for (let round = 0; round < 3; round++) {
      const text = { text: "hi", addSpecialTokens: false };
      await begin(prompts, text, "prompt", "lone").work.then(() => order.push("lone"));
    }
    await prompts[Symbol.asyncDispose]();
    await Promise.all(more);
    expect(order).toEqual(["slow", "lone", "lone", "lone", "slow", "slow", "slow"]);
  });

  it.each([
    ["a text", endless],
    ["a template", endlessChat],
  ])("are ended when the caller of %s leaves, and replaced", async (_, prompt) => {
    const prompts = await start({ processes: 1 });
    const [old] = processIds();
    const { work, leave } = begin(prompts, prompt);
    const dropped = begin(prompts, { text: "waits", addSpecialTokens: false });
    dropped.leave();
    await expect(dropped.work).rejects.toMatchObject({ code: "aborted" });
    leave();
    await expect(work).rejects.toMatchObject({ code: "aborted" });
    expect(await encode(prompts, "hello")).toEqual(bytesOf("hello"));
    expect(processIds()).not.toContain(old);
  });

  it("let a call end by itself whose caller left just before", async () => {
    const prompts = await start({ processes: 1, graceMs: 60_000 });
    const before = processIds();
    const { leave } = begin(prompts, { text: "x".repeat(200_000), addSpecialTokens: false });
    leave();
    expect(await encode(prompts, "hello")).toEqual(bytesOf("hello"));
    expect(processIds()).toEqual(before);
  });

  it.each([
    ["prompt", endless],
    ["messages", endlessChat],
  ])("end a call whose time is up, naming %s", async (param, prompt) => {
    const prompts = await start({ processes: 1, callTimeoutMs: 1000 });
    const { work } = begin(prompts, prompt, param);
    await expect(work).rejects.toMatchObject({
      code: "deadline_exceeded",
      param,
      message: expect.stringMatching(new RegExp(`^${param}: .* 1 s`)) as unknown,
    });
    expect(await encode(prompts, "hello")).toEqual(bytesOf("hello"));
  });

  it("may die of a text: that one fails, naming the field, and the others do not", async () => {
    const prompts = await start({ processes: 1 });
    const deadly = begin(prompts, { text: deadlyText, addSpecialTokens: false });
    const other = encode(prompts, "hello");
    await expect(deadly.work).rejects.toMatchObject({ code: "internal", param: "prompt" });
    expect(await other).toEqual(bytesOf("hello"));
    expect(notes.some((note) => note.includes("replaced"))).toBe(true);
  });

  it("that are killed lose nothing: idle or at work", async () => {
    const prompts = await start({ processes: 1 });
    process.kill(processIds()[0]!, "SIGKILL");
    expect(await encode(prompts, "hello")).toEqual(bytesOf("hello"));
    const long = "x".repeat(500_000);
    const work = encode(prompts, long);
    process.kill(processIds()[0]!, "SIGKILL");
    expect(await work).toEqual(bytesOf(long));
  });

  it("refuse what waits beyond their bounds, and all when they close", async () => {
    const prompts = await start({ processes: 1, maxBytes: endlessText.length + 10_000 });
    const { work } = begin(prompts, endless);
    await expect(encode(prompts, "x".repeat(10_000))).rejects.toMatchObject({ code: "overloaded" });
    const waiting = begin(prompts, { text: "waits", addSpecialTokens: false });
    await prompts[Symbol.asyncDispose]();
    await expect(work).rejects.toMatchObject({ code: "shutting_down" });
    await expect(waiting.work).rejects.toMatchObject({ code: "shutting_down" });
    await expect(encode(prompts, "hello")).rejects.toMatchObject({ code: "shutting_down" });
  });

  it("say what is wrong when they cannot start", async () => {
    await expect(start({ source: { folder: "/nowhere" } })).rejects.toThrow("/nowhere");
    await expect(start({ source: undefined })).rejects.toBeInstanceOf(InferenceError);
    const none = new URL("../../../dist/assembly/prompt-process-that-is-not-there.js", import.meta.url);
    await expect(start({ entry: none })).rejects.toMatchObject({
      code: "engine_failed",
      message: expect.stringContaining("ended before it was ready (exit code 1)") as unknown,
    });
    expect(processIds()).toEqual([]);
  });

  it.each([
    ["a kind that is not known", { pre_tokenizer: { type: "Nope" } }],
    ["a merge of one", { model: { type: "BPE", vocab: { a: 0 }, merges: [["a"]] } }],
    ["a model that is not known", { model: { type: "Nope", vocab: { a: 0 } } }],
  ])("name the file of a tokenizer that is not read: %s", async (_name, change) => {
    const broken = await writeHostileModel();
    await writeFile(join(broken, "tokenizer.json"), JSON.stringify({ ...byteTokenizerJson(), ...change }));
    await expect(start({ source: { folder: broken, chatTemplate: undefined } })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("tokenizer.json") as unknown,
    });
    await rm(broken, { recursive: true });
  });
});
