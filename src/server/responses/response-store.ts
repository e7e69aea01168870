import { clip } from "../../core/clip.ts";
import { InferenceError } from "../../core/errors.ts";
import type { ConversationItem } from "./conversation.ts";
import type { ResponseAnswer } from "./response-answer.ts";

export interface ResponseStoreLimits {
  /** Responses kept at once. */
  readonly maxResponses: number;
  /** What they may come to, bytes: of what they were told, and of their answers as `answerRates` has them. */
  readonly maxBytes: number;
  /** How long one is kept that nobody uses, ms. */
  readonly lifetimeMs: number;
}

/** A response that is kept. */
export interface StoredResponse {
  readonly answer: ResponseAnswer;
  /** What it was told, without what the responses before it were. */
  readonly input: readonly ConversationItem[];
  /** Who may see it. */
  readonly owner: string;
  /** Whose it is where there is not room for all. */
  readonly client: string;
  /** Ends it; of one that runs in the background. */
  readonly cancel?: () => void;
}

interface Entry extends StoredResponse {
  bytes: number;
  usedAt: number;
}

const mebibyte = 1024 * 1024;

/** A second or so: lifetimes are hours. */
const sweepMs = 1000;

/**
 * Responses in memory, for clients that come back to them: so many, of so many bytes, for so long after their last
 * use. Where there is no room, the response that was used longest ago makes it, of the client that has most: nobody
 * pushes out what others keep. One that runs stays.
 */
export class ResponseStore implements Disposable {
  readonly #limits: ResponseStoreLimits;
  /** Those used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  readonly #sweep: NodeJS.Timeout;

  constructor(limits: ResponseStoreLimits) {
    this.#limits = limits;
    this.#sweep = setInterval(() => {
      this.#dropExpired();
    }, sweepMs).unref();
  }

  /** Whether it keeps any. */
  get isOpen(): boolean {
    return this.#limits.maxBytes > 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps a response from its beginning on.
   * @param bytes that it may come to
   * @throws InferenceError `invalid_request` for one that an empty store could not hold; `overloaded` where all that is
   *   kept still runs
   */
  enter(response: StoredResponse, bytes: number): void {
    const { maxResponses, maxBytes } = this.#limits;
    if (bytes > maxBytes) {
      throw new InferenceError(
        "invalid_request",
        `The response could come to ${Math.ceil(bytes / mebibyte)} MiB, and this server keeps ${Math.floor(maxBytes / mebibyte)} MiB of them in all. Send store: false, or lower max_output_tokens or top_logprobs.`,
        { param: "store" },
      );
    }
    this.#dropExpired();
    while (this.#entries.size >= maxResponses || this.#bytes + bytes > maxBytes) {
      const victim = this.#oldestOfTheLargest();
      if (victim === undefined) {
        throw new InferenceError(
          "overloaded",
          "The server keeps as many responses that still run as it may. Send store: false, or try again in a moment.",
          { param: "store" },
        );
      }
      this.#drop(victim);
    }
    this.#entries.set(response.answer.head.id, { ...response, bytes, usedAt: Date.now() });
    this.#bytes += bytes;
  }

  /** Counts a response that has ended by what it came to. */
  settle(id: string, bytes: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
    this.#use(entry);
  }

  /** @throws InferenceError `response_not_found`, for another owner's too */
  get(id: string, owner: string): StoredResponse {
    const found = this.find(id, owner);
    if (found !== undefined) return found;
    throw new InferenceError(
      "response_not_found",
      `There is no response '${clip(id)}' here: it was never stored, was deleted, has expired, or made room for others.`,
      { param: "response_id" },
    );
  }

  find(id: string, owner: string): StoredResponse | undefined {
    this.#dropExpired();
    const entry = this.#entries.get(id);
    if (entry?.owner !== owner) return undefined;
    this.#use(entry);
    return entry;
  }

  /**
   * A response and those that it goes on from, the first one first.
   * @throws InferenceError `previous_response_not_found`
   */
  conversation(id: string, owner: string): StoredResponse[] {
    const responses: StoredResponse[] = [];
    for (let next: string | null = id; next !== null;) {
      const found = this.find(next, owner);
      if (found === undefined) {
        const began = next === id ? "" : `, with which the conversation of '${clip(id)}' began,`;
        throw new InferenceError(
          "previous_response_not_found",
          `Previous response with id '${clip(next)}'${began} not found: it was never stored, was deleted, has expired, or made room for others. Send the conversation as input.`,
          { param: "previous_response_id" },
        );
      }
      responses.unshift(found);
      next = found.answer.head.previous_response_id;
    }
    // Used in this order, too: the end of a conversation is worth nothing without its beginning.
    for (const { answer } of responses) this.#use(this.#entries.get(answer.head.id)!);
    return responses;
  }

  /** Ends it too, where it still runs. */
  delete(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.cancel?.();
    this.#drop(entry);
  }

  /** Ends all that still run, and keeps nothing. */
  [Symbol.dispose](): void {
    clearInterval(this.#sweep);
    for (const id of [...this.#entries.keys()]) this.delete(id);
  }

  #use(entry: Entry): void {
    const { id } = entry.answer.head;
    entry.usedAt = Date.now();
    this.#entries.delete(id);
    this.#entries.set(id, entry);
  }

  #drop(entry: Entry): void {
    if (this.#entries.delete(entry.answer.head.id)) this.#bytes -= entry.bytes;
  }

  #dropExpired(): void {
    const last = Date.now() - this.#limits.lifetimeMs;
    for (const entry of this.#entries.values()) {
      if (entry.usedAt > last) return;
      if (entry.answer.isOver) this.#drop(entry);
    }
  }

  #oldestOfTheLargest(): Entry | undefined {
    const held = new Map<string, number>();
    for (const { client, bytes, answer } of this.#entries.values())
      if (answer.isOver) held.set(client, (held.get(client) ?? 0) + bytes);
    const most = Math.max(...held.values());
    for (const entry of this.#entries.values())
      if (entry.answer.isOver && held.get(entry.client) === most) return entry;
    return undefined;
  }
}
