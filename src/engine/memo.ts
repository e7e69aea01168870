import { setImmediate } from "node:timers/promises";
import { isTruncated, sampledTop } from "../core/distribution.ts";
import { cancelled } from "../core/errors.ts";
import type { ScoredToken, TokenRun, TopTokens } from "../core/tokens.ts";
import type { Engine, EngineHealth, EngineInfo, EngineLoad, ExtendRequest } from "./engine.ts";
import { isKnown, MemoTrie, recall } from "./memo-trie.ts";
import type { Asking, MemoNode } from "./memo-trie.ts";

/** Of each visited prefix, how many of the likeliest next tokens are remembered. */
const memoWidth = 64;

/** Tokens walked in one run, so that a proposal rejected early has not walked far. */
const maxRunTokens = 64;

/**
 * How long walks may keep the event loop from turning, ms: short for whoever cancels, long for nearly every walk,
 * so that those that set out together still meet in one pass.
 */
const maxWalkMs = 50;

let turn: Promise<void> | undefined;

/** The next turn of the event loop. All walks share it: each on a turn of its own would have them add up. */
function nextTurn(): Promise<void> {
  turn ??= setImmediate().then(() => {
    turn = undefined;
  });
  return turn;
}

/** How far an extension has come. */
interface Walk {
  readonly trie: MemoTrie;
  node: MemoNode;
  readonly tokens: number[];
}

/**
 * An engine around an engine that remembers the next-token distribution after every prefix it has visited
 * (exact: the same uniforms select the same tokens). An extension walks along visited prefixes without a model
 * call and pulls the inner engine only where the walk leaves them, or where a draw lands in the tail beyond the
 * remembered tokens. Several that come to an unvisited prefix together ask the model once.
 */
export class MemoEngine implements Engine {
  readonly info: EngineInfo;
  readonly #inner: Engine;
  readonly #trie: () => MemoTrie;
  #inverseTemperature: number | undefined;
  /** When the event loop turned last, as far as the memo knows. */
  #turnedAt = performance.now();

  /**
   * Borrows the inner engine: disposing the memo leaves it alone.
   * @param trie where to remember, asked for at each extension; a trie of its own when left out
   */
  constructor(inner: Engine, trie?: () => MemoTrie) {
    const own = new MemoTrie();
    this.#inner = inner;
    this.#trie = trie ?? (() => own);
    this.info = inner.info;
  }

  async *extend(asked: ExtendRequest, signal: AbortSignal): AsyncGenerator<TokenRun, void, undefined> {
    this.#checkLaw(asked);
    const request = { ...asked, topCount: Math.min(asked.topCount, this.info.vocabularySize) };
    const end = request.prefix.length + request.maxTokens;
    const trie = this.#trie();
    const walk: Walk = { trie, node: trie.find(request.prefix), tokens: [...request.prefix] };
    while (walk.tokens.length < end) {
      await this.#pause();
      if (signal.aborted) throw cancelled();
      const run = walkOn(walk, request, end);
      if (run.length > 0) {
        yield run;
        if (request.endTokens.has(run.at(-1)!.token)) return;
      } else if (this.#hasToWait(walk, request)) {
        await settledOrAborted(walk.node.asked!, signal);
      } else {
        const explored = yield* this.#explore(walk, { request, signal });
        if (explored === "over") return;
      }
    }
  }

  score(...request: Parameters<Engine["score"]>): Promise<readonly ScoredToken[]> {
    return this.#inner.score(...request);
  }

  health(): EngineHealth {
    return this.#inner.health();
  }

  load(): EngineLoad {
    return this.#inner.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
  }

  /**
   * Asks the model from an unvisited prefix on (or one whose tail the draw lands in), until the walk comes to one that
   * is visited, or that somebody else is asking about. Over when an end token was drawn, or the inner engine ran dry:
   * at its own limit, or because a budget is spent.
   */
  async *#explore(
    walk: Walk,
    { request, signal }: { request: ExtendRequest; signal: AbortSignal },
  ): AsyncGenerator<TokenRun, "over" | "met", undefined> {
    const beyond: ExtendRequest = {
      ...request,
      prefix: [...walk.tokens],
      maxTokens: request.maxTokens - (walk.tokens.length - request.prefix.length),
      topCount: Math.max(request.topCount, memoWidth),
      logprobsMode: "raw",
    };
    const drawing = this.#inner.extend(beyond, signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const pulled = await ask(walk.node, request, () => drawing.next());
        this.#turnedAt = performance.now();
        if (pulled.done === true) return "over";
        const run = pulled.value;
        for (const drawn of run) {
          walk.trie.remember(walk.node, drawn);
          step(walk, drawn);
        }
        yield run.map(({ top, ...token }) => withTop(token, top!, request));
        if (request.endTokens.has(run.at(-1)!.token)) return "over";
        if (isKnown(walk.node, request.topCount) || this.#hasToWait(walk, request)) return "met";
      }
    } finally {
      await drawing.return?.();
    }
  }

  /**
   * Whether somebody else's answer is worth waiting for. Another request's is while nobody waits for a lane: where lanes
   * are short, it may be many turns of that request's away, and this one has lanes of its own to come.
   */
  #hasToWait({ node: { asked } }: Walk, { share }: ExtendRequest): boolean {
    if (asked === undefined) return false;
    if (asked.request === share?.request) return true;
    const { pulled, lanes } = this.#inner.load();
    return pulled <= lanes;
  }

  /** Messages and timers, an abort among them, are heard only when the event loop turns. */
  async #pause(): Promise<void> {
    if (performance.now() - this.#turnedAt <= maxWalkMs) return;
    await nextTurn();
    this.#turnedAt = performance.now();
  }

  #checkLaw({ sampling }: ExtendRequest): void {
    this.#inverseTemperature ??= sampling.inverseTemperature;
    const isOther = sampling.inverseTemperature !== this.#inverseTemperature;
    if (isOther || isTruncated(sampling) || sampling.adjustments !== undefined) {
      throw new Error("a memo serves one untruncated proposal law");
    }
  }
}

/** Walks along visited prefixes; empty where the model has to be asked. */
function walkOn(walk: Walk, request: ExtendRequest, end: number): TokenRun {
  const run: ScoredToken[] = [];
  while (walk.tokens.length < end && run.length < maxRunTokens) {
    const recalled = recall(walk.node, request, walk.tokens.length);
    if (recalled === undefined) break;
    const { token, top } = recalled;
    step(walk, token);
    run.push(withTop(token, top, request));
    if (request.endTokens.has(token.token)) break;
  }
  return run;
}

function step(walk: Walk, { token }: ScoredToken): void {
  walk.tokens.push(token);
  walk.node = walk.trie.child(walk.node, token);
}

/** Runs `pull`, and lets others who come to the node meanwhile wait for it. */
async function ask<Value>(
  node: MemoNode,
  { share }: ExtendRequest,
  pull: () => Promise<Value>,
): Promise<Value> {
  const answer = pull();
  const settled = answer.then(
    () => undefined,
    () => undefined,
  );
  const asked = { request: share?.request, settled };
  node.asked = asked;
  try {
    return await answer;
  } finally {
    if (node.asked === asked) node.asked = undefined;
  }
}

function settledOrAborted({ settled }: Asking, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      signal.removeEventListener("abort", stop);
      resolve();
    };
    signal.addEventListener("abort", stop);
    void settled.then(stop);
  });
}

/** The token with as many of the likeliest as its request asked for, under the law it asked for. */
function withTop(
  token: ScoredToken,
  top: TopTokens,
  { topCount: count, logprobsMode, sampling: { inverseTemperature } }: ExtendRequest,
): ScoredToken {
  if (count === 0) return token;
  if (logprobsMode === "sampled") {
    const law = { inverseTemperature, logNormalizer: token.logNormalizer };
    return { ...token, top: sampledTop(top, count, law) };
  }
  return { ...token, top: { ids: top.ids.subarray(0, count), logprobs: top.logprobs.subarray(0, count) } };
}
