import type { Priority } from "../engine.ts";
import type { PassTimes } from "./pass-times.ts";
import { roomOf } from "./runner.ts";
import type { PassLimits } from "./runner.ts";

/** A prompt that is to be run. */
export interface Prompt {
  /** Tokens that have been run. */
  readonly cached: number;
  /** Tokens to be run before it has what it is pulled for. */
  readonly pending: number;
  /** How many of these, from the first on, it does not want the distributions after. */
  readonly unmeasured: number;
  readonly priority: Priority;
}

/** Tokens of one sequence. */
export interface PlannedRow<S> {
  readonly sequence: S;
  /** The first of them; what is cached from there on is run again. */
  readonly position: number;
  readonly count: number;
}

export interface PromptContext {
  /** Of the tokens that prompts may have in a pass. */
  readonly limits: PassLimits;
  readonly passTimes: Pick<PassTimes, "prefillMs">;
}

/** The tokens of a prompt that run next where it has the pass to itself. */
export function chunkOf<P extends Prompt>(sequence: P, limits: PassLimits): PlannedRow<P> {
  const { cached: position, pending, unmeasured } = sequence;
  const { maxRowTokens, maxTokens, maxRowLogits } = limits;
  return { sequence, position, count: Math.min(pending, maxRowTokens, maxTokens, unmeasured + maxRowLogits) };
}

/**
 * A chunk, and the prompts that had best run along with it, in their turn. Where rows share a pass only from the first
 * token on, and all take as much of it as the longest, a prompt joins if that takes less time than a pass of its own.
 * What little is cached of it (a first token that all prompts have, say) is then run again.
 */
export function joinPrompts<P extends Prompt>(
  chunk: PlannedRow<P>,
  others: readonly P[],
  context: PromptContext,
): PlannedRow<P>[] {
  const { limits, passTimes } = context;
  const first = chunk.position === 0 ? chunk : fromStart(chunk.sequence, limits);
  if (limits.longRows !== "fresh" || first === undefined) return [chunk];
  let rows = [chunk];
  let ms = passTimes.prefillMs(chunk.count);
  for (const other of others) {
    if (other.priority !== chunk.sequence.priority) continue;
    const row = fromStart(other, limits);
    if (row === undefined) continue;
    const joined = [first, ...rows.slice(1), row];
    const tokens = roomOf(
      joined.map(({ count }) => count),
      limits,
    );
    if (tokens > limits.maxTokens || roomOf(joined.map(logitsOf), limits) > limits.maxLogits) continue;
    const joinedMs = passTimes.prefillMs(tokens);
    if (joinedMs >= ms + passTimes.prefillMs(chunkOf(other, limits).count)) continue;
    rows = joined;
    ms = joinedMs;
  }
  return rows;
}

/**
 * Whether a prompt had best run along with another, the tokens that both begin with included, rather than wait for these
 * and go on by itself. One that has a single token left then need not: it shares the next pass with all that decode.
 */
export function wouldJoin(
  leader: Prompt,
  { follower, sharedTokens }: { readonly follower: Prompt; readonly sharedTokens: number },
  context: PromptContext,
): boolean {
  const saved = sharedTokens - follower.cached;
  const left = {
    ...follower,
    cached: sharedTokens,
    pending: follower.pending - saved,
    unmeasured: follower.unmeasured - saved,
  };
  if (left.pending === 1) return false;
  return joinPrompts<Prompt>(chunkOf(leader, context.limits), [left], context).length > 1;
}

/** The first tokens of a prompt; `undefined` where those that one pass takes would not be all, and some are cached. */
function fromStart<P extends Prompt>(prompt: P, limits: PassLimits): PlannedRow<P> | undefined {
  const { cached, pending, unmeasured } = prompt;
  const whole = { ...prompt, cached: 0, pending: cached + pending, unmeasured: cached + unmeasured };
  const { count } = chunkOf<Prompt>(whole, limits);
  return cached > 0 && count < whole.pending ? undefined : { sequence: prompt, position: 0, count };
}

/** After how many of its tokens a row has logits: those that are wanted, and the last. */
const logitsOf = ({ sequence: { cached, unmeasured }, position, count }: PlannedRow<Prompt>): number =>
  Math.max(1, position + count - (cached + unmeasured));
