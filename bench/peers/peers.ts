import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "tokenizers";
import { candidatesOf, startCandidate } from "./candidates.ts";
import type { ModelFiles } from "./candidates.ts";
import { MetropolisPeer } from "./metropolis-peer.ts";
import { timePeer } from "./peer.ts";
import type { Peer, Timing } from "./peer.ts";
import { printRow, printTable } from "../report.ts";
import { cpuOf, ratesOf } from "./comparison.ts";
import { Prompts, workloadsOf } from "./workloads.ts";
import type { Workload } from "./workloads.ts";

export interface PeersSettings {
  readonly models: readonly ModelFiles[];
  /** What scripts/peers.sh made. */
  readonly venv: string;
  readonly threads: number;
  readonly rounds: number;
  /** Generated to each prompt, where decoding is measured. */
  readonly tokens: number;
  /** Workloads whose names, as in "int4, 4 at once", have this in them; all when left out. */
  readonly only?: string | undefined;
  /** Peers whose names have one of these in them; all when left out. */
  readonly peers?: readonly string[] | undefined;
  /** The command line of another build of Metropolis, measured beside this one. */
  readonly serverMain?: string | undefined;
}

/** Whole rounds of every workload that nobody times. */
const warmUpRounds = 3;

/**
 * Metropolis over HTTP against other engines, each in a process of its own on the same files with the same threads:
 * medians of rounds in which each has its turn, while the others are stopped.
 */
export async function benchPeers(settings: PeersSettings): Promise<void> {
  const { threads, rounds, tokens } = settings;
  console.log(`\n${threads} thread(s), ${tokens} tokens to each prompt of 32, medians of ${rounds} rounds`);
  for (const files of settings.models) await comparePeers(files, settings);
}

async function comparePeers(files: ModelFiles, settings: PeersSettings): Promise<void> {
  const { threads, rounds, only = "" } = settings;
  const workloads = workloadsOf(settings.tokens).filter(({ name }) =>
    `${files.format}, ${name}`.includes(only),
  );
  if (workloads.length === 0) return;
  const context = 16 + Math.max(...workloads.map(({ prompt, tokens }) => prompt + tokens));
  await using metropolis = await MetropolisPeer.start({ model: files.onnx, threads, context });
  const prompts = new Prompts(await tokensOfProse(files.onnx));
  const others: Peer[] = [];
  const skipped: string[] = [];
  try {
    if (settings.serverMain !== undefined)
      others.push(
        await MetropolisPeer.start({ model: files.onnx, threads, context, main: settings.serverMain }),
      );
    for (const candidate of candidatesOf(files)) {
      if (settings.peers?.some((part) => candidate.name.includes(part)) === false) continue;
      const peer = await startCandidate(candidate, settings);
      if (typeof peer === "string") skipped.push(`${candidate.name}: skipped, ${peer}`);
      else others.push(peer);
    }
    const all = [metropolis, ...others];
    // Servers run for days: what is compiled as it runs, and moved where it is read faster, is so by then.
    for (const workload of workloads) await runRounds(all, { workload, prompts, rounds: warmUpRounds });
    const names = all.map(({ name }) => name);
    console.log(`\n${files.format}, ${files.onnx}\n`);
    printTable(["tokens/s (Metropolis against it)", ...names], []);
    const cpuRows: string[][] = [];
    for (const workload of workloads) {
      const timings = await runRounds(all, { workload, prompts, rounds });
      printRow([workload.name, ...ratesOf(workload, timings)]);
      cpuRows.push([workload.name, ...cpuOf(workload, timings)]);
    }
    console.log("");
    printTable(["CPU ms a token", ...names], cpuRows);
    if (skipped.length > 0) console.log(`\n${skipped.join("\n")}`);
  } finally {
    for (const peer of others) await peer[Symbol.asyncDispose]();
  }
}

interface Rounds {
  readonly workload: Workload;
  readonly prompts: Prompts;
  readonly rounds: number;
}

/** @returns of each peer a timing of each round */
async function runRounds(peers: readonly Peer[], { workload, prompts, rounds }: Rounds): Promise<Timing[][]> {
  const timings: Timing[][] = peers.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const asked = prompts.next(workload);
    // Another one begins each round: what one leaves behind, a hot core say, is not always the same one's to bear.
    for (let turn = 0; turn < peers.length; turn++) {
      const index = (round + turn) % peers.length;
      timings[index]!.push(await timePeer(peers[index]!, asked, workload.tokens));
    }
  }
  return timings;
}

/** To cut prompts from: what the documentation says, in the model's tokens. */
async function tokensOfProse(model: string): Promise<number[]> {
  const folder = fileURLToPath(new URL("../../docs/", import.meta.url));
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  const texts = await Promise.all(names.map((name) => readFile(folder + name, "utf8")));
  const tokenizer = Tokenizer.fromFile(join(model, "tokenizer.json"));
  const encoding = await tokenizer.encode(texts.join("\n"), null, { addSpecialTokens: false });
  return encoding.getIds();
}
