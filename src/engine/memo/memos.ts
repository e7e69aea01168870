import type { TokenIds } from "../../core/tokens.ts";
import type { Engine, Priority } from "../engine.ts";

/** What a memo is of. */
export interface MemoKey {
  readonly prompt: TokenIds;
  /** 1/τ of the proposals: log Z belongs to it. */
  readonly inverseTemperature: number;
  /** The key of the constraint that completions are held to; none when left out. */
  readonly constraint?: string | undefined;
  /** Whether what is remembered tells it; not when left out. */
  readonly selfCertainty?: boolean | undefined;
  /** Chains wait for each other where they ask the same; an urgent one must not wait for one that is not. */
  readonly priority: Priority;
}

export interface MemoHealth {
  readonly bytes: number;
  readonly maxBytes: number;
  /** Prompts, at one proposal temperature and priority each, of which something is remembered. */
  readonly prompts: number;
}

/** Engines around an engine that answer from visited prefixes. They borrow it, and decide nothing. */
export interface Memos {
  /** Remembers with all chains that have the same key, of any request. */
  share(engine: Engine, key: MemoKey): Engine;
  /**
   * Remembers for one chain alone. For an isolated request: what other requests have asked before must not decide what
   * it costs.
   */
  own(engine: Engine, key: MemoKey): Engine;
  health(): MemoHealth;
}
