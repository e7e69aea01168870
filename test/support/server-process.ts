import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The built command line. */
export const commandPath = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs `metropolis` to its end.
 * @param main the command line, where it is not the one built here
 */
export async function runCommand(
  args: readonly string[],
  env: Record<string, string> = {},
  main = commandPath,
): Promise<Exit> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
  const output = collect(child);
  const [code] = (await once(child, "exit")) as [number | null];
  return { code, output: output() };
}

/** A `metropolis serve` of its own on a free port. */
export class ServerProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #output: () => string;

  private constructor(child: ChildProcess, url: string, output: () => string) {
    this.#child = child;
    this.url = url;
    this.#output = output;
  }

  /** @param main the command line, where it is not the one built here */
  static async start(
    args: readonly string[] = [],
    env: Record<string, string> = {},
    main = commandPath,
  ): Promise<ServerProcess> {
    const child = spawn(process.execPath, [main, "serve", "--port", "0", ...args], {
      env: { ...process.env, ...env },
    });
    const output = collect(child);
    const exited = once(child, "exit").then(() => {
      throw new Error(`the server did not start: ${output()}`);
    });
    exited.catch(() => undefined);
    for (;;) {
      const match = /serving \S+ on (http:\S+)/.exec(output());
      if (match !== null) return new ServerProcess(child, match[1]!, output);
      await Promise.race([once(child.stdout, "data"), exited]);
    }
  }

  get output(): string {
    return this.#output();
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async post(path: string, body: object, signal?: AbortSignal): Promise<Response> {
    return fetch(this.url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Completions in flight, as the server counts them. */
  async running(apiKey = ""): Promise<number> {
    const headers = { authorization: `Bearer ${apiKey}` };
    const metrics = await (await fetch(`${this.url}/metrics`, { headers })).text();
    return Number(/^metropolis_num_requests_running (\d+)$/m.exec(metrics)![1]);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async exit(): Promise<Exit> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    return { code: this.#child.exitCode, output: this.output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGTERM");
    await this.exit();
  }
}

function collect(child: ChildProcess): () => string {
  let text = "";
  const add = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout!.on("data", add);
  child.stderr!.on("data", add);
  return () => text;
}
