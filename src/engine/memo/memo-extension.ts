import { cancelled } from "../../core/errors.ts";
import { withTop } from "../../sampling/law.ts";
import { TokenStream } from "../../core/token-stream.ts";
import type { Awaitable } from "../../core/token-stream.ts";
import type { ScoredToken, TokenId, TokenRun } from "../../core/tokens.ts";
import type { Engine, ExtendRequest } from "../engine.ts";
import type { EventLoopTurns } from "./event-loop-turns.ts";
import { Asking, isKnown, likeliestAt, recall, rememberedAt, undecidedWidthAt } from "./memo-trie.ts";
import type { MemoNode, MemoTrie, Unrecalled } from "./memo-trie.ts";

/** Of each visited prefix, how many of the likeliest next tokens are remembered. */
const memoWidth = 64;

/** Tokens walked in one run, so that a proposal rejected early has not walked far. */
const maxRunTokens = 64;

/** What all walks of a memo share. */
export interface MemoGround {
  /** Where the walks ask what is not remembered. */
  readonly inner: Engine;
  readonly trie: MemoTrie;
  readonly turns: EventLoopTurns;
}

/**
 * An extension that walks along visited prefixes without a model call, a run at once, and pulls the inner engine only
 * where the walk leaves them, or where a draw lands in the tail beyond the remembered tokens.
 */
export class MemoExtension extends TokenStream {
  readonly #inner: Engine;
  readonly #trie: MemoTrie;
  readonly #turns: EventLoopTurns;
  readonly #request: ExtendRequest;
  readonly #signal: AbortSignal;
  /** Whether the draws of the inner engine follow from the uniforms. */
  readonly #repeats: boolean;
  /** After the prefix. */
  readonly #tokens: TokenId[] = [];
  #node: MemoNode;
  /** The inner engine's tokens from an unvisited prefix on, while the walk is on such. */
  #asking: TokenStream | undefined;
  /** Whether the inner engine was asked for a draw past what is remembered. */
  #isBeyond = false;
  #isOver = false;
  /** Ends the wait for another walk's answer. */
  #wake: (() => void) | undefined;

  /** @param request asks for no more of the likeliest tokens than the inner engine can report */
  constructor({ inner, trie, turns }: MemoGround, request: ExtendRequest, signal: AbortSignal) {
    super();
    this.#inner = inner;
    this.#repeats = inner.info.capabilities.repeats;
    this.#trie = trie;
    this.#turns = turns;
    this.#request = request;
    this.#signal = signal;
    this.#node = trie.find(request.prefix);
  }

  override pull(): Awaitable<TokenRun | undefined> {
    if (this.#isOver) return undefined;
    // Since the last pull another walk may have come by.
    this.#leaveToOthers();
    if (this.#asking !== undefined) return this.#ask(this.#asking);
    if (this.#turns.isDue(this.#passMs) || this.#signal.aborted) return this.#walkLater();
    const run = this.#walk();
    return run.length > 0 ? run : this.#walkLater();
  }

  override [Symbol.dispose](): void {
    this.#isOver = true;
    this.#stopAsking();
    this.#wake?.();
  }

  readonly #passMs = (): number => {
    const load = this.#inner.load();
    return load === undefined || load.pulled === 0 ? Infinity : load.passMs(load.pulled);
  };

  /** Along visited prefixes; empty where the model has to be asked. */
  #walk(): TokenRun {
    const request = this.#request;
    const run: ScoredToken[] = [];
    while (!this.#isOver && run.length < maxRunTokens) {
      const node = this.#node;
      const token = recall(node, request, this.#position);
      if (typeof token === "string") break;
      this.#countUndecided();
      this.#step(token);
      run.push(withTop(token, node.visit!.top, request));
    }
    return run;
  }

  /** Where there is something to wait for first. */
  async #walkLater(): Promise<TokenRun | undefined> {
    for (;;) {
      if (this.#turns.isDue(this.#passMs)) await this.#turns.next(this.#passMs, this.#request.share?.client);
      if (this.#signal.aborted || this.#isOver) throw cancelled();
      const run = this.#walk();
      if (run.length > 0) return run;
      if (this.#hasToWait()) await this.#settled(this.#node.asked!);
      else if (this.#recalled() !== "open" || !(await this.#narrow())) break;
    }
    const { prefix, maxTokens, topCount } = this.#request;
    this.#isBeyond = this.#recalled() === "beyond";
    this.#asking = this.#inner.extend(
      {
        ...this.#request,
        prefix: [...prefix, ...this.#tokens],
        maxTokens: maxTokens - this.#tokens.length,
        beyond: this.#tokens.length === 0 ? this.#request.beyond : 0,
        // An engine that repeats draws past them by the same uniform.
        without: this.#isBeyond && !this.#repeats ? rememberedAt(this.#node) : undefined,
        topCount: Math.max(topCount, Math.min(memoWidth, this.#inner.info.capabilities.mostTop)),
        logprobsMode: "raw",
      },
      this.#signal,
    );
    return await this.#ask(this.#asking);
  }

  /**
   * Asks the model, which the walk goes on to do until it comes to a prefix that is visited, or that another walk is
   * asking about. Over when the inner engine runs dry: at its own limit, or because a budget is spent.
   */
  async #ask(asking: TokenStream): Promise<TokenRun | undefined> {
    const node = this.#node;
    const asked = new Asking(this.#request.share?.request);
    node.asked = asked;
    try {
      const run = await asking.pull();
      this.#turns.note();
      if (run === undefined) this[Symbol.dispose]();
      const learned = run && this.#learn(run);
      if (learned?.length !== 0) return learned;
    } finally {
      if (node.asked === asked) node.asked = undefined;
      asked.settle();
      this.#leaveToOthers();
    }
    // What was drawn does not count where another walk has recorded the law meanwhile.
    return await this.#walkLater();
  }

  /** The tokens as they are recorded, up to where they are not those that the inner engine goes on from. */
  #learn(run: TokenRun): TokenRun {
    const learned: ScoredToken[] = [];
    for (const drawn of run) {
      const node = this.#node;
      const token = this.#record(node, drawn);
      this.#isBeyond = false;
      if (token === undefined) {
        this.#stopAsking();
        break;
      }
      this.#step(token);
      learned.push(withTop(token, node.visit!.top, this.#request));
      if (token.token === drawn.token) continue;
      this.#stopAsking();
      break;
    }
    return learned;
  }

  /**
   * What another walk has recorded of the prefix meanwhile decides the draw; else this answer does. Of an engine that
   * does not repeat, it only does where it was drawn past what is remembered; `undefined` where it was not.
   */
  #record(node: MemoNode, drawn: ScoredToken): ScoredToken | undefined {
    const recalled = this.#recalled();
    const isRemembered = typeof recalled !== "string";
    const isItsDraw = recalled === "unknown" || this.#repeats || (recalled === "beyond" && this.#isBeyond);
    if (!isRemembered && !isItsDraw) return undefined;
    // What was not visited is drawn by the inner engine, whatever log Z is.
    if (recalled !== "unknown") this.#countUndecided();
    if (isRemembered) return recalled;
    return this.#trie.remember(node, drawn, this.#request.sampling.inverseTemperature);
  }

  #recalled(): ScoredToken | Unrecalled {
    return recall(this.#node, this.#request, this.#position);
  }

  /** Of the token that is drawn next. */
  get #position(): number {
    return this.#request.prefix.length + this.#tokens.length;
  }

  /** Notes that the token that is taken now was drawn by an upper bound, where it was. */
  #countUndecided(): void {
    const { cost } = this.#request;
    if (cost === undefined) return;
    const width = undecidedWidthAt(this.#node, this.#request, this.#position);
    if (width > 0) cost.undecidedWidth = (cost.undecidedWidth ?? 0) + width;
  }

  /**
   * Asks for more of what may follow here, until the draw is settled or there is no more to be told.
   * @returns whether it was asked: not where a budget is spent, which the inner engine's own end then tells
   */
  async #narrow(): Promise<boolean> {
    const { prefix, sampling, share } = this.#request;
    const { inverseTemperature } = sampling;
    const node = this.#node;
    const token = likeliestAt(node)!;
    const asked = { prefix: [...prefix, ...this.#tokens], token, inverseTemperature, share };
    const narrowed = await this.#inner.narrow?.(asked, this.#signal);
    this.#turns.note();
    if (narrowed?.token === token) return false;
    this.#trie.narrow(node, narrowed);
    return true;
  }

  #step({ token }: ScoredToken): void {
    this.#tokens.push(token);
    this.#node = this.#trie.child(this.#node, token);
    const { maxTokens, endTokens } = this.#request;
    if (this.#tokens.length === maxTokens || endTokens.has(token)) this[Symbol.dispose]();
  }

  /** Asks no more where another walk has asked, or is asking. */
  #leaveToOthers(): void {
    if (isKnown(this.#node, this.#request.topCount) || this.#hasToWait()) this.#stopAsking();
  }

  #stopAsking(): void {
    this.#asking?.[Symbol.dispose]();
    this.#asking = undefined;
  }

  /** When another walk's answer is there, or this one no longer waits for it. */
  #settled({ settled }: Asking): Promise<void> {
    const signal = this.#signal;
    return new Promise((resolve) => {
      const stop = (): void => {
        signal.removeEventListener("abort", stop);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = stop;
      signal.addEventListener("abort", stop);
      void settled.then(stop);
    });
  }

  /**
   * Whether another walk's answer is worth waiting for. Another request's is, while no sequence waits for a lane: where
   * lanes are short, that request may wait many turns before it gets the answer, and this one will get lanes of its
   * own.
   */
  #hasToWait(): boolean {
    const { asked } = this.#node;
    if (asked === undefined) return false;
    if (asked.request === this.#request.share?.request) return true;
    const load = this.#inner.load();
    return load === undefined || load.pulled <= load.lanes;
  }
}
