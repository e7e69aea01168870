import { rm } from "node:fs/promises";
import { usualEngine } from "../src/assembly/engine-settings.ts";
import type { SettingsOf } from "../src/samplers/registry.ts";
import { writeByteModel } from "../test/support/byte-model.ts";
import { ServerProcess } from "../test/support/server-process.ts";
import { answer, byteRequests, embeddedRequests, openCompleter } from "./chains.ts";
import type { ChainRequest } from "./chains.ts";
import { wideShape } from "./random-model.ts";
import { median, printTable, timeMs } from "./report.ts";

interface Subject {
  readonly name: string;
  readonly model: string;
  /** The first are to warm up: compiled code and caches. */
  readonly requests: readonly ChainRequest[];
  readonly warmUps: number;
}

/**
 * The same power requests in two ways in turn: to a completer in a worker thread, and by HTTP to a server, which has
 * its own such worker. What the server adds is HTTP and JSON, the client's included.
 */
export async function benchHttp(requests: number): Promise<void> {
  const wide = await writeByteModel(wideShape);
  const [some, few] = [requests, requests / 10];
  const subjects = [
    { name: "embedded", model: usualEngine.model, requests: embeddedRequests(2 * some), warmUps: some },
    {
      name: "38 M parameters",
      model: wide,
      requests: byteRequests(few + 2, 16, { mcmcSteps: 4 }),
      warmUps: 2,
    },
  ];
  const rows: string[][] = [];
  for (const subject of subjects) rows.push(await compare(subject));
  await rm(wide, { recursive: true });
  console.log("\nHTTP: power requests one by one, each by both ways in turn\n");
  printTable(
    ["model", "requests", "worker thread, ms", "POST /v1/completions, ms", "HTTP and JSON, ms", "share"],
    rows,
  );
}

async function compare({ name, model, requests, warmUps }: Subject): Promise<string[]> {
  await using worker = await openCompleter({ model });
  await using server = await ServerProcess.start(["--model", model]);
  const post = async ({ prompt, settings, maxTokens, seed }: ChainRequest): Promise<void> => {
    const { alpha, mcmcSteps, blockSize, proposalTemperature } = settings as SettingsOf<"power">;
    const reply = await server.post("/v1/completions", {
      prompt,
      sampler: "power",
      alpha,
      mcmc_steps: mcmcSteps,
      block_size: blockSize,
      proposal_temperature: proposalTemperature,
      max_tokens: maxTokens,
      seed,
    });
    if (!reply.ok) throw new Error(`the server answered ${reply.status}: ${await reply.text()}`);
    await reply.json();
  };
  const ways = [(request: ChainRequest) => answer(worker, request), post];
  const times: number[][] = ways.map(() => []);
  for (const [index, request] of requests.entries()) {
    for (const [way, run] of ways.entries()) {
      const ms = await timeMs(() => run(request));
      if (index >= warmUps) times[way]!.push(ms);
    }
  }
  const [threaded, served] = times.map(median);
  const added = times[1]!.map((ms, index) => ms - times[0]![index]!);
  const cost = median(added);
  return [
    name,
    String(added.length),
    threaded!.toFixed(2),
    served!.toFixed(2),
    cost.toFixed(2),
    `${((100 * cost) / served!).toFixed(1)} %`,
  ];
}
