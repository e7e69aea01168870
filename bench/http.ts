import { abacus } from "../lab/abacus.ts";
import { locateModel } from "../src/commands/locate-model.ts";
import { usualEngine } from "../src/commands/serve-settings.ts";
import { readModelFolder } from "../src/decoder/model-folder.ts";
import { WorkerGenerator } from "../src/decoder/worker-generator.ts";
import { ServerProcess } from "../test/support/server-process.ts";
import { answer, embeddedRequests, openGenerator } from "./chains.ts";
import type { ChainRequest } from "./chains.ts";
import { median, printTable, timeMs } from "./report.ts";

/** Compiled code and warm caches first. */
const warmUp = 20;

/**
 * The same power requests by three ways in turn: to a generator in this process, to one in a worker thread, and by HTTP to
 * a server, which has its own such worker. What the last adds is HTTP and JSON, the client's included.
 */
export async function benchHttp(requests: number): Promise<void> {
  const { folder, id } = await locateModel(usualEngine);
  const { tokenizer } = await readModelFolder(folder, id);
  await using direct = await openGenerator({});
  await using worker = await WorkerGenerator.start({
    entry: new URL("../dist/commands/worker.js", import.meta.url),
    workerData: usualEngine,
    tokenizer,
    onNote: () => undefined,
  });
  await using server = await ServerProcess.start();
  const post = async ({ settings, maxTokens, seed }: ChainRequest, prompt: string): Promise<void> => {
    // The model's own defaults are the settings of the other two ways.
    const body = { prompt, sampler: settings.sampler, seed, max_tokens: maxTokens };
    const reply = await server.post("/v1/completions", body);
    if (!reply.ok) throw new Error(`the server answered ${reply.status}: ${await reply.text()}`);
    await reply.json();
  };
  const ways = [
    (request: ChainRequest) => answer(direct, request),
    (request: ChainRequest) => answer(worker, request),
    post,
  ];
  const times: number[][] = ways.map(() => []);
  const prompts = abacus.testPrompts(warmUp + requests);
  for (const [index, request] of embeddedRequests(warmUp + requests).entries()) {
    for (const [way, run] of ways.entries()) {
      const ms = await timeMs(() => run(request, prompts[index]!));
      if (index >= warmUp) times[way]!.push(ms);
    }
  }
  const [alone, threaded, served] = times.map((list) => list.reduce((sum, ms) => sum + ms, 0) / list.length);
  const share = (ms: number): string => `${((100 * ms) / served!).toFixed(1)} %`;
  console.log(
    `\nHTTP: ${requests} power requests of the embedded model, one by one, each by all three ways in turn\n`,
  );
  printTable(
    ["", "mean, ms", "median, ms", "adds", "share of the request"],
    [
      ["generator in this process", alone!.toFixed(2), median(times[0]!).toFixed(2), "", share(alone!)],
      [
        "in a worker thread",
        threaded!.toFixed(2),
        median(times[1]!).toFixed(2),
        `${(threaded! - alone!).toFixed(2)} ms`,
        share(threaded! - alone!),
      ],
      [
        "POST /v1/completions",
        served!.toFixed(2),
        median(times[2]!).toFixed(2),
        `${(served! - threaded!).toFixed(2)} ms`,
        share(served! - threaded!),
      ],
    ],
  );
}
