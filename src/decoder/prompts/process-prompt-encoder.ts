import { InferenceError, whyAborted } from "../../core/errors.ts";
import type { TokenIds } from "../../core/tokens.ts";
import { promptBytes } from "./prompt-encoder.ts";
import type { EncodeOptions, Prompt, PromptEncoder } from "./prompt-encoder.ts";
import type { ToolFormat } from "../../tools/tool-format.ts";
import { ProcessDied } from "./prompt-process.ts";
import type { PromptProcess } from "./prompt-process.ts";
import { ProcessQueue } from "./process-queue.ts";

export interface ProcessPromptEncoderOptions {
  /** The script that hands an encoder to `hostPrompts`. */
  readonly entry: URL;
  /** What the script reads, in its own terms. */
  readonly source: unknown;
  readonly takesChats: boolean;
  /** Called when a process is replaced, or does not start. */
  readonly onNote: (note: string) => void;
  /** Longest time that a call may run, ms: a hostile pattern or an endless template ends with it. */
  readonly callTimeoutMs?: number;
  /** How long a call may go on that its caller left, ms; most end by themselves, and a new process costs more. */
  readonly graceMs?: number;
  /** Text that may be in work or wait at once, bytes. */
  readonly maxBytes?: number;
  /** Processes at most; the second is started when it is first wanted. */
  readonly processes?: number;
}

/** What a call costs beside its text, bytes. */
const callBytes = 1024;

/**
 * Encodes in processes beside the server's, which goes on answering others meanwhile. A call whose caller left, or that
 * takes too long, ends with its process; a process that dies is replaced, and its call tried once more.
 */
export class ProcessPromptEncoder implements PromptEncoder {
  readonly takesChats: boolean;
  readonly #options: Required<ProcessPromptEncoderOptions>;
  readonly #queue: ProcessQueue;
  #bytes = 0;
  #toolFormat: { readonly found: ToolFormat | undefined } | undefined;

  private constructor(options: ProcessPromptEncoderOptions) {
    this.#options = { callTimeoutMs: 30_000, graceMs: 500, maxBytes: 64 * 2 ** 20, processes: 2, ...options };
    this.takesChats = options.takesChats;
    this.#queue = new ProcessQueue(this.#options);
  }

  /** @throws InferenceError what a process says when it cannot start */
  static async start(options: ProcessPromptEncoderOptions): Promise<ProcessPromptEncoder> {
    const encoder = new ProcessPromptEncoder(options);
    await encoder.#queue.start();
    return encoder;
  }

  /** @throws InferenceError `overloaded` where too much text waits; `deadline_exceeded`; `engine_failed` */
  encode(prompts: readonly Prompt[], options: EncodeOptions): Promise<TokenIds[]> {
    const bytes = prompts.reduce((sum, prompt) => sum + promptBytes(prompt), callBytes);
    return this.#call((worker) => worker.encode(prompts, options.param), { ...options, bytes });
  }

  /** Asked of the template once. @throws as `encode` */
  toolFormat(options: EncodeOptions): Promise<ToolFormat | undefined> {
    if (!this.takesChats) return Promise.resolve(undefined);
    if (this.#toolFormat !== undefined) return Promise.resolve(this.#toolFormat.found);
    const work = async (worker: PromptProcess): Promise<ToolFormat | undefined> => {
      this.#toolFormat = { found: await worker.toolFormat() };
      return this.#toolFormat.found;
    };
    return this.#call(work, { ...options, bytes: callBytes });
  }

  async #call<Result>(work: Work<Result>, call: Call): Promise<Result> {
    const { param, bytes } = call;
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxBytes) {
      throw new InferenceError(
        "overloaded",
        "Too much text waits to be turned into tokens. Try again in a moment.",
      );
    }
    this.#bytes += bytes;
    try {
      return await this.#run(work, call).catch((error: unknown) => {
        if (error instanceof ProcessDied) return this.#run(work, call);
        throw error;
      });
    } catch (error) {
      if (!(error instanceof ProcessDied)) throw error;
      throw new InferenceError(
        "internal",
        `${param}: the process that turns text into tokens died of it twice (${error.message}). Change the text.`,
        { param, cause: error },
      );
    } finally {
      this.#bytes -= bytes;
    }
  }

  async #run<Result>(work: Work<Result>, { param, bytes, client = "", signal }: Call): Promise<Result> {
    const { callTimeoutMs, graceMs } = this.#options;
    const worker = await this.#queue.take({ bytes, client }, signal);
    const endAfter = (ms: number, reason: Error): NodeJS.Timeout =>
      setTimeout(() => {
        this.#queue.end(worker, reason);
      }, ms);
    const timers = [endAfter(callTimeoutMs, tooLong(param, callTimeoutMs))];
    let leave = (): void => undefined;
    const left = new Promise<never>((_resolve, reject) => {
      leave = (): void => {
        timers.push(endAfter(graceMs, whyAborted(signal)));
        reject(whyAborted(signal));
      };
      signal.addEventListener("abort", leave, { once: true });
    });
    const working = work(worker).finally(() => {
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      this.#queue.release(worker);
    });
    return Promise.race([working, left]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close();
  }
}

type Work<Result> = (worker: PromptProcess) => Promise<Result>;

interface Call extends EncodeOptions {
  readonly bytes: number;
}

const tooLong = (param: string, ms: number): InferenceError =>
  new InferenceError(
    "deadline_exceeded",
    `${param}: the model's chat template or tokenizer worked on it for more than ${ms / 1000} s, and was ended. Shorten it.`,
    { param },
  );
