import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { InferenceError, fromErrorDescription } from "../../core/errors.ts";
import type { TokenIds } from "../../core/tokens.ts";
import type { ToolFormat } from "../../tools/tool-format.ts";
import type { Prompt } from "./prompt-encoder.ts";
import type { ProcessReply, ToProcess } from "./protocol.ts";

/** How a process ended that was not told to. */
export class ProcessDied extends Error {}

/**
 * A process that encodes, one call at a time. Other than a thread it can be ended in the middle of native code, and
 * takes no other work along when that code aborts.
 */
export class PromptProcess {
  /** Settles when it has read what it needs. @throws InferenceError what is wrong with that */
  readonly ready: Promise<void>;
  /** Resolves when it has ended, with how: a signal, an exit code. */
  readonly gone: Promise<string>;
  readonly #child: ChildProcess;
  #end: Error | undefined;
  #call: Call | undefined;

  /** @param source what the entry reads, in its own terms */
  constructor(entry: URL, source: unknown) {
    this.#child = fork(entry, {
      execArgv: [],
      serialization: "advanced",
      // An inherited pipe would be made one that waits for its reader, for the server's own output, too.
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.on("data", (said: Buffer) => process.stderr.write(said));
    const end = (): void => void this.#child.kill("SIGKILL");
    process.once("exit", end);
    this.#child.on("message", (reply: ProcessReply) => {
      this.#call?.resolve(reply);
    });
    this.gone = wayOut(this.#child).then((how) => {
      process.off("exit", end);
      this.#end ??= new ProcessDied(how);
      this.#call?.reject(this.#end);
      return how;
    });
    this.ready = this.#ask({ type: "open", source }).then(() => undefined);
  }

  /** Whether it can be called. */
  get isAlive(): boolean {
    return this.#end === undefined;
  }

  /** @throws ProcessDied; InferenceError of the encoder; what it was killed with */
  async encode(prompts: readonly Prompt[], param: string): Promise<TokenIds[]> {
    const reply = await this.#ask({ type: "encode", prompts, param });
    if (reply.type !== "tokens")
      throw new InferenceError("internal", `The process answered '${reply.type}'.`);
    return reply.lists.map(toArray);
  }

  /** @throws as `encode` */
  async toolFormat(): Promise<ToolFormat | undefined> {
    const reply = await this.#ask({ type: "findToolFormat" });
    if (reply.type !== "toolFormat")
      throw new InferenceError("internal", `The process answered '${reply.type}'.`);
    return reply.format;
  }

  /** @param reason what its call fails with */
  kill(reason: Error): void {
    this.#end ??= reason;
    this.#child.kill("SIGKILL");
  }

  async #ask(message: ToProcess): Promise<ProcessReply> {
    if (this.#end !== undefined) throw this.#end;
    const reply = await new Promise<ProcessReply>((resolve, reject) => {
      this.#call = { resolve, reject };
      // Where it cannot be sent, the process is gone, and its exit says so.
      this.#child.send(message, () => undefined);
    });
    if (reply.type === "error") throw fromErrorDescription(reply.error);
    return reply;
  }
}

/** How a child ended, or that there was none: without memory, processes or descriptors left none can be started. */
function wayOut(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      resolve(signal ?? `exit code ${code}`);
    });
    // It may fail later, too, as when it cannot be killed; then its exit is still to come.
    child.on("error", (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
  });
}

interface Call {
  readonly resolve: (reply: ProcessReply) => void;
  readonly reject: (error: Error) => void;
}

/** As `Array.from`, which takes tens of milliseconds for a million. */
function toArray(ids: Uint32Array): number[] {
  const array = new Array<number>(ids.length);
  for (let index = 0; index < ids.length; index++) array[index] = ids[index]!;
  return array;
}
