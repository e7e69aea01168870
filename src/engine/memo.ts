import { setImmediate } from "node:timers/promises";
import { drawFromTop, isTruncated, sampledTop } from "../core/distribution.ts";
import { cancelled } from "../core/errors.ts";
import { uniform } from "../core/random.ts";
import type { ScoredToken, TokenId, TokenIds, TopTokens } from "../core/tokens.ts";
import type { Engine, EngineHealth, EngineInfo, ExtendRequest } from "./engine.ts";

/** Of each visited prefix, how many of the likeliest next tokens are remembered. */
const memoWidth = 64;

/**
 * How long walks may keep the event loop from turning, ms: short for whoever cancels, long for nearly every walk,
 * so that those that set out together still meet in one pass.
 */
const maxWalkMs = 50;

/** Tokens walked between two looks at the clock: a look costs a tenth of a token. */
const tokensPerLook = 64;

let turn: Promise<void> | undefined;

/** The next turn of the event loop. All walks share it: each on a turn of its own would have them add up. */
function nextTurn(): Promise<void> {
  turn ??= setImmediate().then(() => {
    turn = undefined;
  });
  return turn;
}

/** What the model said after a visited prefix. */
interface Visit {
  readonly top: TopTokens;
  readonly logNormalizer: number;
  readonly entropy: number;
}

interface Node {
  visit: Visit | undefined;
  readonly children: Map<TokenId, Node>;
}

const createNode = (): Node => ({ visit: undefined, children: new Map() });

/**
 * An engine around an engine that remembers the next-token distribution after every prefix it has visited
 * (exact: the same uniforms select the same tokens). An extension walks along visited prefixes without a model
 * call and pulls the inner engine only where the walk leaves them, or where a draw lands in the tail beyond the
 * remembered tokens. Lives as long as one request: log Z belongs to that request's proposal temperature.
 */
export class MemoEngine implements Engine {
  readonly info: EngineInfo;
  readonly #inner: Engine;
  readonly #root = createNode();
  #inverseTemperature: number | undefined;
  /** When the event loop turned last, as far as the memo knows. */
  #turnedAt = performance.now();

  /** Borrows the inner engine: disposing the memo leaves it alone. */
  constructor(inner: Engine) {
    this.#inner = inner;
    this.info = inner.info;
  }

  async *extend(request: ExtendRequest, signal: AbortSignal): AsyncGenerator<ScoredToken, void, undefined> {
    this.#checkLaw(request);
    const tokens = [...request.prefix];
    const end = tokens.length + request.maxTokens;
    let node = this.#nodeAt(tokens);
    let walkedTokens = 0;
    while (tokens.length < end) {
      if (walkedTokens++ % tokensPerLook === 0) await this.#pause();
      if (signal.aborted) throw cancelled();
      const remembered = recall(node, request, tokens.length);
      if (remembered !== undefined) {
        tokens.push(remembered.token);
        node = childOf(node, remembered.token);
        yield remembered;
        if (request.endTokens.has(remembered.token)) return;
        continue;
      }
      let meetsVisit = false;
      const width = Math.max(request.topCount, memoWidth);
      const beyond: ExtendRequest = {
        ...request,
        prefix: [...tokens],
        maxTokens: end - tokens.length,
        topCount: width,
        logprobsMode: "raw",
      };
      for await (const drawn of this.#inner.extend(beyond, signal)) {
        this.#turnedAt = performance.now();
        node.visit ??= { top: drawn.top!, logNormalizer: drawn.logNormalizer, entropy: drawn.entropy };
        tokens.push(drawn.token);
        node = childOf(node, drawn.token);
        yield withTop(drawn, request);
        if (request.endTokens.has(drawn.token)) return;
        meetsVisit = node.visit !== undefined;
        if (meetsVisit) break;
      }
      // The inner engine ran dry: at its own limit, or because a budget is spent.
      if (!meetsVisit) return;
    }
  }

  score(tokens: TokenIds, topCount: number, signal: AbortSignal): Promise<readonly ScoredToken[]> {
    return this.#inner.score(tokens, topCount, signal);
  }

  health(): EngineHealth {
    return this.#inner.health();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner engine is borrowed.
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

  #nodeAt(prefix: TokenIds): Node {
    let node = this.#root;
    for (const token of prefix) node = childOf(node, token);
    return node;
  }
}

function childOf(node: Node, token: TokenId): Node {
  let child = node.children.get(token);
  if (child === undefined) {
    child = createNode();
    node.children.set(token, child);
  }
  return child;
}

function recall({ visit }: Node, request: ExtendRequest, position: number): ScoredToken | undefined {
  if (visit === undefined) return undefined;
  const { inverseTemperature } = request.sampling;
  const { logNormalizer, entropy, top } = visit;
  const draw = drawFromTop(
    top,
    { inverseTemperature, logNormalizer },
    uniform(request.draws, "token", position),
  );
  if (draw === undefined) return undefined;
  const { proposalLogprob } = draw;
  const drawn = {
    token: top.ids[draw.rank]!,
    logprob: top.logprobs[draw.rank]!,
    proposalLogprob,
    logNormalizer,
    entropy,
    top,
  };
  return withTop(drawn, request);
}

/** The token with as many of the likeliest as its request asked for, under the law it asked for. */
function withTop(
  { top, ...token }: ScoredToken,
  { topCount: count, logprobsMode, sampling: { inverseTemperature } }: ExtendRequest,
): ScoredToken {
  if (count === 0 || top === undefined) return token;
  if (logprobsMode === "sampled") {
    const law = { inverseTemperature, logNormalizer: token.logNormalizer };
    return { ...token, top: sampledTop(top, count, law) };
  }
  return { ...token, top: { ids: top.ids.subarray(0, count), logprobs: top.logprobs.subarray(0, count) } };
}
