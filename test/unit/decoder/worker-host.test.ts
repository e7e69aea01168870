import { EventEmitter } from "node:events";
import type { MessagePort } from "node:worker_threads";
import { expect, it } from "vitest";
import type { GenerateRequest } from "../../../src/decoder/completer.ts";
import { hostCompleter } from "../../../src/decoder/worker-host.ts";
import type { ToWorker, WorkerReply } from "../../../src/decoder/worker-protocol.ts";
import { createToyCompleter } from "../../support/toy-completer.ts";

const request: GenerateRequest = {
  prompt: [1],
  settings: { sampler: "greedy" },
  maxTokens: 6,
  ignoreEnd: true,
  stop: [],
  seed: 1,
  choice: 0,
  topCount: 0,
};

const isText = (reply: WorkerReply): boolean =>
  reply.type === "text" || (reply.type === "event" && reply.event.type === "text");

/** The host's end of a channel, whose other end takes what comes at once. */
class Port extends EventEmitter {
  readonly onReplies: (replies: readonly WorkerReply[]) => void;

  constructor(onReplies: (replies: readonly WorkerReply[]) => void) {
    super();
    this.onReplies = onReplies;
  }

  postMessage(message: unknown): void {
    if (!Array.isArray(message)) return;
    this.onReplies(message as WorkerReply[]);
    setImmediate(() => {
      this.send({ type: "taken" });
    });
  }

  send(message: ToWorker): void {
    this.emit("message", [message]);
  }
}

it("sends what came of a pass before the next one runs, where passes keep the thread to themselves", async () => {
  let passes = 0;
  let texts = 0;
  const sentAfter: number[] = [];
  await using completer = await createToyCompleter({
    onStep: () => {
      passes++;
    },
  });
  await new Promise<void>((resolve) => {
    const port = new Port((replies) => {
      for (const reply of replies) {
        if (isText(reply)) sentAfter[texts++] = passes;
        if (reply.type === "end") resolve();
      }
    });
    hostCompleter(port as unknown as MessagePort, completer, []);
    port.send({ type: "complete", id: 1, request });
  });
  // The end of the text brings no token.
  expect(sentAfter.slice(0, request.maxTokens)).toEqual([1, 2, 3, 4, 5, 6]);
});
