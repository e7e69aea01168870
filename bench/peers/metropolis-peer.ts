import { ServerProcess } from "../../test/support/server-process.ts";
import type { Peer } from "./peer.ts";

export interface MetropolisSettings {
  readonly model: string;
  readonly threads: number;
  /** Longest prompt with its completion. */
  readonly context: number;
  /** The command line, where it is not the one built here. */
  readonly main?: string;
}

interface Answer {
  readonly choices: readonly { readonly token_ids: readonly number[] }[];
}

/** A server process of its own, asked over HTTP: as many requests as there are prompts. */
export class MetropolisPeer implements Peer {
  readonly name: string;
  readonly #server: ServerProcess;

  private constructor(name: string, server: ServerProcess) {
    this.name = name;
    this.#server = server;
  }

  static async start({ model, threads, context, main }: MetropolisSettings): Promise<MetropolisPeer> {
    const args = ["--model", model, "--threads", String(threads), "--context", String(context)];
    const server = await ServerProcess.start(args, {}, main);
    return new MetropolisPeer(main === undefined ? "Metropolis" : `Metropolis of ${main}`, server);
  }

  get pid(): number {
    return this.#server.pid;
  }

  async complete(prompts: readonly (readonly number[])[], tokens: number): Promise<readonly number[][]> {
    return Promise.all(
      prompts.map(async (prompt) => {
        const { choices } = await this.#post<Answer>("/v1/completions", {
          prompt,
          sampler: "greedy",
          max_tokens: tokens,
          ignore_eos: true,
          return_token_ids: true,
        });
        return [...choices[0]!.token_ids];
      }),
    );
  }

  async #post<Body>(path: string, body: object): Promise<Body> {
    const reply = await this.#server.post(path, body);
    if (!reply.ok) throw new Error(`the server answered ${reply.status}: ${await reply.text()}`);
    return (await reply.json()) as Body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.signal("SIGCONT");
    await this.#server[Symbol.asyncDispose]();
  }
}
