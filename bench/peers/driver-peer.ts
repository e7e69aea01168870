import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Peer } from "./peer.ts";

type Driver = ChildProcessByStdio<Writable, Readable, Readable>;

interface Greeting {
  readonly engine?: string;
  readonly missing?: string;
}

/** The driver is there; what it imports is not. */
export class MissingPackage extends Error {}

/** A peer behind a program that speaks protocol.py's lines of JSON. */
export class DriverPeer implements Peer {
  readonly name: string;
  readonly #child: Driver;
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #errors: () => string;

  private constructor(
    name: string,
    child: Driver,
    [lines, errors]: [AsyncIterator<string, undefined>, () => string],
  ) {
    this.name = name;
    this.#child = child;
    this.#lines = lines;
    this.#errors = errors;
  }

  /**
   * @param command program and arguments
   * @throws MissingPackage
   */
  static async start([program, ...args]: readonly [string, ...string[]]): Promise<DriverPeer> {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    await once(child, "spawn");
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]() as AsyncIterator<string, undefined>;
    const { engine, missing } = await answerOf<Greeting>(lines, () => output);
    if (engine === undefined) throw new MissingPackage(missing);
    return new DriverPeer(engine, child, [lines, () => output]);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async complete(prompts: readonly (readonly number[])[], tokens: number): Promise<readonly number[][]> {
    this.#child.stdin.write(`${JSON.stringify({ prompts, tokens })}\n`);
    const answer = await answerOf<{ tokens: number[][] }>(this.#lines, this.#errors);
    return answer.tokens;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) await ended;
  }
}

async function answerOf<Answer>(
  lines: AsyncIterator<string, undefined>,
  errors: () => string,
): Promise<Answer> {
  const { value: line, done } = await lines.next();
  if (done === true) throw new Error(`a peer's driver ended:\n${errors()}`);
  return JSON.parse(line) as Answer;
}
