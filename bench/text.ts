import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { uniform } from "../src/core/random.ts";
import type { PromptEncoder } from "../src/decoder/prompts/prompt-encoder.ts";
import { ProcessPromptEncoder } from "../src/decoder/prompts/process-prompt-encoder.ts";
import { printTable, time } from "./report.ts";

const bytes = 1_000_000;
const fixtures = fileURLToPath(new URL("../test/fixtures/", import.meta.url));
const subjects = [
  "tokenizers/smollm2",
  "tokenizers/llama3",
  "tokenizers/gemma",
  "tokenizer-kinds/unigram",
  "tokenizer-kinds/wordpiece-uncased",
];
const { signal } = new AbortController();

/** A megabyte of each kind of text in each kind of tokenizer, and how long this thread was kept from others meanwhile. */
export async function benchText(): Promise<void> {
  const table: string[][] = [];
  const hops: string[][] = [];
  for (const subject of subjects) {
    const folder = await mkdtemp(join(tmpdir(), "metropolis-text-"));
    await cp(join(fixtures, subject, "tokenizer.json"), join(folder, "tokenizer.json"));
    await writeFile(join(folder, "config.json"), "{}");
    await using prompts = await ProcessPromptEncoder.start({
      entry: new URL("../dist/assembly/prompt-process.js", import.meta.url),
      source: { folder, chatTemplate: undefined },
      takesChats: false,
      onNote: console.log,
    });
    await encode(prompts, "warm");
    hops.push([subject, (await hop(prompts)).toFixed(2)]);
    for (const [name, text] of Object.entries(texts()))
      table.push([subject, name, ...(await measure(prompts, text))]);
    await rm(folder, { recursive: true });
  }
  console.log(`\ntext: ${bytes / 1e6} MB of each kind, in a process beside this one\n`);
  printTable(["tokenizer", "text", "tokens", "ms", "event-loop delay here, ms: longest"], table);
  console.log("\na short prompt, there and back\n");
  printTable(["tokenizer", "ms"], hops);
}

async function encode(prompts: PromptEncoder, text: string): Promise<number> {
  const [tokens = []] = await prompts.encode([{ text, addSpecialTokens: false }], {
    param: "prompt",
    signal,
  });
  return tokens.length;
}

async function measure(prompts: PromptEncoder, text: string): Promise<string[]> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let tokens = 0;
  const seconds = await time(async () => {
    tokens = await encode(prompts, text);
  });
  delay.disable();
  return [tokens.toLocaleString("en"), (seconds * 1000).toFixed(0), (delay.max / 1e6).toFixed(0)];
}

/** Milliseconds of one, the mean of many. */
async function hop(prompts: PromptEncoder): Promise<number> {
  const rounds = 300;
  const seconds = await time(async () => {
    for (let round = 0; round < rounds; round++) await encode(prompts, `What is ${round} times two?`);
  });
  return (seconds * 1000) / rounds;
}

function texts(): Record<string, string> {
  let drawn = 0;
  const pick = (from: number, count: number): number =>
    from + Math.floor(count * uniform({ seed: 1, choice: 0, stage: 0, step: 0 }, "token", drawn++));
  const fill = (piece: () => string): string => {
    const size = Buffer.byteLength(piece());
    return Array.from({ length: Math.floor(bytes / size) }, piece).join("");
  };
  const repeat = (piece: string): string => fill(() => piece);
  const range = (first: number, count: number) => () => String.fromCodePoint(pick(first, count));
  return {
    prose: repeat("The quick brown fox jumps over the lazy dog, as it has always done. "),
    "one letter": repeat("a"),
    "random letters": fill(range(97, 26)),
    base64: fill(() => Buffer.from(Array.from({ length: 12 }, () => pick(0, 256))).toString("base64")),
    digits: fill(range(48, 10)),
    spaces: repeat(" "),
    newlines: repeat("\n"),
    Chinese: fill(range(0x4e00, 3000)),
    emoji: fill(range(0x1f300, 700)),
    "combining marks": repeat("\u0301"),
    "an added token": repeat("<|end|>"),
    "its beginning": repeat("<|en"),
  };
}
