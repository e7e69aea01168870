import { InferenceError, shuttingDown, toErrorDescription, whyAborted } from "../../core/errors.ts";
import { ProcessDied, PromptProcess } from "./prompt-process.ts";

interface QueueOptions {
  readonly entry: URL;
  readonly source: unknown;
  readonly onNote: (note: string) => void;
  /** At most. */
  readonly processes: number;
}

interface Waiting {
  readonly isLong: boolean;
  readonly lend: (worker: PromptProcess) => void;
  readonly refuse: (error: InferenceError) => void;
}

/** From this many bytes on a text is long: it takes some tenths of a second, for which short ones do not wait. */
const longBytes = 64 * 1024;

/** How long a process may take to read the vocabulary, ms. */
const startTimeoutMs = 120_000;

/**
 * Lends processes, first come, first served; but long texts never have all of them, so that a short one waits for short
 * ones alone. Replaces what dies.
 */
export class ProcessQueue {
  readonly #options: QueueOptions;
  /** All that are alive, those that start among them. */
  readonly #processes = new Set<PromptProcess>();
  #starting = 0;
  #idle: PromptProcess[] = [];
  /** Those that work on long texts. */
  readonly #long = new Set<PromptProcess>();
  #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Lends a process that is idle. @throws InferenceError `shutting_down`; `engine_failed` when none starts; `aborted` */
  take(bytes: number, signal: AbortSignal): Promise<PromptProcess> {
    return new Promise((resolve, reject: (error: Error) => void) => {
      if (signal.aborted) {
        reject(whyAborted(signal));
        return;
      }
      if (this.#isClosed) {
        reject(shuttingDown());
        return;
      }
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(whyAborted(signal));
      };
      const waiting: Waiting = {
        isLong: bytes >= longBytes,
        lend: (worker) => {
          signal.removeEventListener("abort", leave);
          resolve(worker);
        },
        refuse: (error) => {
          signal.removeEventListener("abort", leave);
          reject(error);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      this.#lend();
    });
  }

  /** Takes a process back that was lent, dead or alive. */
  release(worker: PromptProcess): void {
    this.#long.delete(worker);
    if (worker.isAlive) this.#idle.push(worker);
    this.#lend();
  }

  /** Starts a process. @throws InferenceError what it says when it cannot start */
  async start(): Promise<void> {
    const { entry, source, onNote } = this.#options;
    const worker = new PromptProcess(entry, source);
    this.#processes.add(worker);
    this.#starting++;
    const slow = new InferenceError("engine_failed", "The tokenizer's process did not start in time.");
    const timer = setTimeout(() => {
      worker.kill(slow);
    }, startTimeoutMs);
    try {
      await worker.ready;
    } catch (error) {
      worker.kill(slow);
      this.#processes.delete(worker);
      if (!(error instanceof ProcessDied)) throw error;
      const problem = `The process that turns text into tokens ended before it was ready (${error.message}).`;
      throw new InferenceError("engine_failed", problem, { cause: error });
    } finally {
      clearTimeout(timer);
      this.#starting--;
    }
    void worker.gone.then((how) => {
      this.#processes.delete(worker);
      this.#idle = this.#idle.filter((other) => other !== worker);
      if (this.#isClosed) return;
      onNote(`A process that turns text into tokens ended (${how}); it is replaced.`);
      // The next text should not have to wait for it.
      if (this.#processes.size === 0) this.#restart();
    });
    this.release(worker);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#refuse(shuttingDown());
    const processes = [...this.#processes];
    for (const worker of processes) worker.kill(shuttingDown());
    await Promise.all(processes.map(({ gone }) => gone));
  }

  #lend(): void {
    const { processes } = this.#options;
    const mostLong = Math.max(1, processes - 1);
    const mayRun = ({ isLong }: Waiting): boolean => !isLong || this.#long.size < mostLong;
    this.#waiting = this.#waiting.filter((waiting) => {
      const worker = mayRun(waiting) ? this.#idle.pop() : undefined;
      if (worker === undefined) return true;
      if (waiting.isLong) this.#long.add(worker);
      waiting.lend(worker);
      return false;
    });
    const isShort = this.#starting === 0 && this.#processes.size < processes;
    if (isShort && this.#waiting.some(mayRun)) this.#restart();
  }

  #restart(): void {
    this.start().catch((error: unknown) => {
      if (this.#isClosed) return;
      const problem = `A process that turns text into tokens did not start: ${toErrorDescription(error).message}`;
      this.#options.onNote(problem);
      if (this.#processes.size === 0) this.#refuse(new InferenceError("engine_failed", problem));
    });
  }

  #refuse(error: InferenceError): void {
    for (const waiting of this.#waiting) waiting.refuse(error);
    this.#waiting = [];
  }
}
