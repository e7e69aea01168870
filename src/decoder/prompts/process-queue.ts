import { LRUCache } from "lru-cache";
import { InferenceError, shuttingDown, toErrorDescription, whyAborted } from "../../core/errors.ts";
import { ProcessDied, PromptProcess } from "./prompt-process.ts";

interface QueueOptions {
  readonly entry: URL;
  readonly source: unknown;
  readonly onNote: (note: string) => void;
  /** At most. */
  readonly processes: number;
}

/** A text that wants a process. */
export interface Text {
  readonly bytes: number;
  /** Empty where there is but one. */
  readonly client: string;
}

interface Waiting {
  readonly text: Text;
  readonly lend: (worker: PromptProcess) => void;
  readonly refuse: (error: InferenceError) => void;
}

/** From this many bytes on a text is long: it takes some tenths of a second, for which short ones do not wait. */
const longBytes = 64 * 1024;

/** How long a process may take to read the vocabulary, ms. */
const startTimeoutMs = 120_000;

/** How many clients are remembered by texts that had to be ended, and for how long, ms. */
const mostRemembered = 1000;
const rememberedMs = 600_000;

/**
 * Lends processes to clients in turn, to the texts of each as they came; but long texts never have all of them, so that a
 * short one waits for short ones alone. A client whose text had to be ended is taken to send long ones, for a while and
 * where there are others. Replaces what dies.
 */
export class ProcessQueue {
  readonly #options: QueueOptions;
  /** All that are alive, those that start among them. */
  readonly #processes = new Set<PromptProcess>();
  #starting = 0;
  #idle: PromptProcess[] = [];
  /** What those that are lent work on. */
  readonly #lent = new Map<PromptProcess, Text>();
  #waiting: Waiting[] = [];
  /** When each client was last lent a process, as a count. */
  readonly #served = new LRUCache<string, number>({ max: mostRemembered, ttl: rememberedMs });
  #count = 0;
  /** Clients a text of which had to be ended. */
  readonly #slow = new LRUCache<string, true>({ max: mostRemembered, ttl: rememberedMs });
  #isClosed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Lends a process that is idle. @throws InferenceError `shutting_down`; `engine_failed` when none starts; `aborted` */
  take(text: Text, signal: AbortSignal): Promise<PromptProcess> {
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
        text,
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
    this.#lent.delete(worker);
    if (worker.isAlive) this.#idle.push(worker);
    this.#lend();
  }

  /** Ends a process that was lent and works for too long. */
  end(worker: PromptProcess, reason: Error): void {
    const text = this.#lent.get(worker);
    if (text !== undefined) this.#slow.set(text.client, true);
    worker.kill(reason);
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
    for (let next = this.#next(); next !== undefined && this.#idle.length > 0; next = this.#next()) {
      const worker = this.#idle.pop()!;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#served.set(next.text.client, ++this.#count);
      this.#lent.set(worker, next.text);
      next.lend(worker);
    }
    const isShort = this.#starting === 0 && this.#processes.size < this.#options.processes;
    if (isShort && this.#next() !== undefined) this.#restart();
  }

  /** The text that gets the next process: of the clients that have the fewest, the one that was served longest ago. */
  #next(): Waiting | undefined {
    const lent = [...this.#lent.values()];
    const longOnes = lent.filter((text) => this.#isLong(text)).length;
    const mayLong = longOnes < Math.max(1, this.#options.processes - 1);
    let best: { waiting: Waiting; has: number; servedAt: number } | undefined;
    for (const waiting of this.#waiting) {
      const { client } = waiting.text;
      if (!mayLong && this.#isLong(waiting.text)) continue;
      const has = lent.filter((text) => text.client === client).length;
      const servedAt = this.#served.get(client) ?? 0;
      if (best === undefined || has < best.has || (has === best.has && servedAt < best.servedAt))
        best = { waiting, has, servedAt };
    }
    return best?.waiting;
  }

  #isLong({ bytes, client }: Text): boolean {
    return bytes >= longBytes || (this.#served.size > 1 && this.#slow.has(client));
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
