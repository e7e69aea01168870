import type { Awaitable } from "../../src/core/token-stream.ts";
import type { TokenIds } from "../../src/core/tokens.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { localDetails } from "../../src/engine/health.ts";

/** What the model behind an engine can be made to do. */
export interface Faults {
  /** Called, and waited for, whenever the model is run; an error that it throws is the model's. */
  readonly onPass?: () => Awaitable<void>;
  /** After such a prefix the model gives no numbers. */
  readonly isPoisoned?: (prefix: TokenIds) => boolean;
}

/** What a test may rest on that not every engine has. */
export const needs = [
  "repeats",
  "top",
  "logNormalizer",
  "entropy",
  /** That it tells how far from uniform its distributions are. */
  "selfCertainty",
  /** That it knows log Z and the entropy within bounds alone. */
  "bounds",
  /** That it brings them nearer to each other when it is asked to. */
  "narrow",
  /** That it draws from a law without some of its tokens. */
  "without",
  "adjustments",
  "truncation",
  "constraints",
  "scores",
  "load",
  /** That one can see what an engine holds. */
  "occupancy",
  /** That the model behind it can be held up and made to fail. */
  "faults",
  /** That a failed pass is its end. */
  "failures",
] as const;
export type Need = (typeof needs)[number];

/** An engine to be tested, and what is known of it from elsewhere. */
export interface EngineSubject {
  /**
   * Opens it with room for two sequences at once and for at least 32 tokens each. Disposing of it closes all that was
   * opened.
   */
  readonly open: (faults?: Faults) => Awaitable<Engine>;
  readonly vocabularySize: number;
  /** At least three tokens, not all the same. */
  readonly prompt: TokenIds;
  /**
   * log p of every next token after a prefix, computed elsewhere. Where left out, the engine is held to what it scores
   * itself.
   */
  readonly lawAfter?: (prefix: TokenIds) => readonly number[];
  /** Largest difference between log-probs that rounding explains, nats. */
  readonly tolerance: number;
  /** Lanes and sequences that it holds. */
  readonly held?: (engine: Engine) => number;
  /**
   * Why the engine lacks what some tests need. A test fails where an engine has what is listed here, or lacks what is
   * not.
   */
  readonly lacks: Readonly<Partial<Record<Need, string>>>;
}

/** What an engine says of itself. */
export const has = (
  engine: Engine,
): Readonly<Record<Exclude<Need, "without" | "occupancy" | "faults" | "failures">, boolean>> => {
  const {
    repeats,
    mostTop,
    logNormalizer,
    entropy,
    selfCertainty,
    adjustments,
    truncation,
    constraints,
    scores,
  } = engine.info.capabilities;
  return {
    repeats,
    top: mostTop > 0,
    logNormalizer: logNormalizer === "exact",
    entropy: entropy === "exact",
    selfCertainty,
    bounds: logNormalizer === "interval" && entropy === "interval",
    narrow: engine.narrow !== undefined,
    adjustments,
    truncation,
    constraints,
    scores,
    load: engine.load() !== undefined,
  };
};

/** Why engines that know everything lack some needs. */
export const knowsAll = {
  bounds: "it knows log Z and the entropy exactly",
  narrow: "it knows log Z exactly",
  without: "it draws beyond a share of a law",
} as const satisfies Partial<Record<Need, string>>;

/** An engine around one that it owns, since it borrows it by itself. */
export const owning = (inner: Engine, outer: Engine): Engine => ({
  info: outer.info,
  extend: (request, signal) => outer.extend(request, signal),
  score: (tokens, options, signal) => outer.score(tokens, options, signal),
  load: () => outer.load(),
  health: () => outer.health(),
  [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
});

/** Of a local engine, or one around it. */
export const heldByLocal = (engine: Engine): number => {
  const { lanes, sequences } = localDetails(engine.health())!;
  return lanes.leased + sequences.open;
};
