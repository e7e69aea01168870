import { abacus } from "../lab/abacus.ts";
import { ServerProcess } from "../test/support/server-process.ts";
import { answer, embeddedRequests, openGenerator } from "./chains.ts";
import type { ChainRequest } from "./chains.ts";
import { median, printTable, timeMs } from "./report.ts";

/** Compiled code and warm caches first. */
const warmUp = 20;

/**
 * The same power requests in two ways in turn: to a generator in a worker thread, and by HTTP to a server, which has its
 * own such worker. What the server adds is HTTP and JSON, the client's included.
 */
export async function benchHttp(requests: number): Promise<void> {
  await using worker = await openGenerator({});
  await using server = await ServerProcess.start();
  const post = async ({ settings, maxTokens, seed }: ChainRequest, prompt: string): Promise<void> => {
    // The model's own defaults are the settings of the other way.
    const body = { prompt, sampler: settings.sampler, seed, max_tokens: maxTokens };
    const reply = await server.post("/v1/completions", body);
    if (!reply.ok) throw new Error(`the server answered ${reply.status}: ${await reply.text()}`);
    await reply.json();
  };
  const ways = [(request: ChainRequest) => answer(worker, request), post];
  const times: number[][] = ways.map(() => []);
  const prompts = abacus.testPrompts(warmUp + requests);
  for (const [index, request] of embeddedRequests(warmUp + requests).entries()) {
    for (const [way, run] of ways.entries()) {
      const ms = await timeMs(() => run(request, prompts[index]!));
      if (index >= warmUp) times[way]!.push(ms);
    }
  }
  const [threaded, served] = times.map((list) => list.reduce((sum, ms) => sum + ms, 0) / list.length);
  const share = (100 * (served! - threaded!)) / served!;
  console.log(
    `\nHTTP: ${requests} power requests of the embedded model, one by one, each by both ways in turn\n`,
  );
  printTable(
    ["", "mean, ms", "median, ms", "share of the request"],
    [
      ["generator in a worker thread", threaded!.toFixed(2), median(times[0]!).toFixed(2), ""],
      [
        "POST /v1/completions",
        served!.toFixed(2),
        median(times[1]!).toFixed(2),
        `HTTP and JSON: ${share.toFixed(1)} %`,
      ],
    ],
  );
}
