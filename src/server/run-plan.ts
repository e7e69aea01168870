import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { InferenceError, shuttingDown } from "../core/errors.ts";
import { EventQueue } from "../core/event-queue.ts";
import type { TokenList } from "../core/token-list.ts";
import type { Completer, CompletionEvent, GenerateRequest, Share } from "../decoder/completer.ts";
import type { Caller } from "./caller.ts";
import type { GenerationPlan } from "./generation-plan.ts";
import { Race } from "./selection/race.ts";
import type { Standing } from "./selection/race.ts";
import { nextTurn } from "./turns.ts";

/** What happens to one completion. */
type DrawnEvent = (CompletionEvent | { readonly type: "prompt"; readonly scores: TokenList }) & {
  readonly index: number;
};

/**
 * What happens to one choice of an answer: streamed and whole answers are made from the same events. `standing` is how
 * the candidates of its prompt stand, after one that has ended.
 */
export type ChoiceEvent =
  DrawnEvent | { readonly type: "standing"; readonly standing: Standing; readonly index: number };

/** Events that may wait for a reader before the work that makes them does. */
const mostUnread = 512;

/** Longest that a reader may work on events before other requests get the thread, ms. */
const longestTurnMs = 5;

/** Whether its client sees what it comes to before its end. */
const isWatched = ({ inOnePiece, progress, trace }: GenerateRequest): boolean =>
  inOnePiece !== true || progress === true || trace === true;

/** How a choice ends that has no tokens. */
const unbegun = { type: "finish", reason: "length", stop: null, evaluatedTokens: 0, report: {} } as const;

const isShutdown = (error: unknown): boolean =>
  error instanceof InferenceError && error.code === "shutting_down";

/**
 * Runs all completions of a plan side by side; candidates of a vote that may stop early, in waves. With `echo`, each choice begins with the scores of its prompt.
 * Leaving the iteration, or the signal, stops them all; a slow reader slows them down.
 */
export async function* runPlan(
  plan: GenerationPlan,
  completer: Completer,
  { client, signal }: Caller,
): AsyncGenerator<ChoiceEvent, void, undefined> {
  const events = new EventQueue<ChoiceEvent>();
  const controller = new AbortController();
  const stop = AbortSignal.any([signal, controller.signal]);
  // Every choice listens.
  setMaxListeners(0, stop);
  // Not the id that clients see, which they may choose: no request joins another's share.
  const share: Share = {
    client,
    request: randomUUID(),
    priority: plan.priority,
    isWatched: plan.requests.some(isWatched),
  };
  const prompts = plan.prompts.map((tokens) =>
    plan.echo && plan.logprobs !== undefined
      ? completer.score(tokens, { topCount: plan.logprobs, share }, stop)
      : Promise.resolve([]),
  );
  /** Choices that the server's end left without a token. */
  const unanswered: number[] = [];
  const { candidates, n, selection } = plan;
  const races = selection && plan.prompts.map((_, prompt) => new Race(prompt, { candidates, n, selection }));
  const push = (event: DrawnEvent): void => {
    events.push(event);
    const { index } = event;
    const standing = races?.[Math.floor(index / candidates)]?.see(index % candidates, event);
    if (standing !== undefined) events.push({ type: "standing", standing, index });
  };
  const run = async (index: number): Promise<void> => {
    const request = plan.requests[index]!;
    if (plan.echo) push({ type: "prompt", scores: (await prompts[Math.floor(index / candidates)])!, index });
    if (request.maxTokens === 0) {
      push({ ...unbegun, index });
      return;
    }
    try {
      for await (const event of completer.complete({ ...request, share }, stop)) {
        push({ ...event, index });
        if (events.length > mostUnread) await events.taken();
      }
    } catch (error) {
      if (!isShutdown(error)) throw error;
      unanswered.push(index);
    }
  };
  const runs: Promise<void>[] = [];
  const begin = async (first: number, count: number): Promise<void> => {
    const begun = Array.from({ length: count }, (_, offset) => run(first + offset));
    runs.push(...begun);
    await Promise.all(begun);
  };
  const runPrompt = async (prompt: number): Promise<void> => {
    let next = prompt * candidates;
    const race = races?.[prompt];
    if (race === undefined) return begin(next, candidates);
    for (let wave = race.next(); wave > 0; wave = race.next()) {
      await begin(next, wave);
      next += wave;
      if (unanswered.length > 0) race.shutDown();
    }
  };
  const all = Promise.all(plan.prompts.map((_, prompt) => runPrompt(prompt)))
    .then(() => {
      if (unanswered.length === runs.length) throw shuttingDown();
      // What the others have come to is not lost with them.
      for (const index of unanswered) push({ ...unbegun, endedEarly: "shutdown", index });
      events.end();
    })
    .catch((error: unknown) => {
      events.fail(error);
    });
  try {
    let workedMs = 0;
    for await (const event of events) {
      if (workedMs > longestTurnMs) {
        await nextTurn();
        workedMs = 0;
      }
      const given = performance.now();
      yield event;
      workedMs += performance.now() - given;
    }
  } finally {
    // With a reason of its own: without one, an exception is made, and its stack read.
    controller.abort("nobody reads the answer any more");
    await all;
    await Promise.allSettled(runs);
  }
}
