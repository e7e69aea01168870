import type { Priority } from "../engine.ts";
import type { PassTimes } from "./pass-times.ts";
import type { PassLimits } from "./runner.ts";

/** What `schedule` looks at in a sequence that holds a lane. */
export interface Schedulable {
  /** Tokens to be run before it has what it is pulled for. */
  readonly pending: number;
  /** How many of these, from the first on, it does not want the distributions after. */
  readonly unmeasured: number;
  readonly isPulled: boolean;
  /** Whether it waits for K/V that another sequence is computing. */
  readonly isFollowing: boolean;
  readonly priority: Priority;
  /** Its number among all that were opened. */
  readonly arrival: number;
  /** The pass in which its client last had a chunk of a prompt run. */
  readonly clientsLastPrefill: number;
  /** The pass in which its request last had a chunk of a prompt run. */
  readonly lastPrefill: number;
}

/** The next tokens of one sequence. */
export interface PlannedRow<S> {
  readonly sequence: S;
  readonly count: number;
}

export interface PassPlan<S> {
  /** One token of each sequence that decodes. */
  readonly decoding: readonly S[];
  /** Several tokens of one prompt. */
  readonly chunk: PlannedRow<S> | undefined;
}

export interface ScheduleSettings {
  /** Most tokens of a prompt run in one pass. */
  readonly prefillChunk: number;
  /**
   * Longest pause between two tokens of an interactive sequence that prompts may cause, ms; none when left out. Where
   * decode passes take more than half of it, prompts may take as long as they do.
   */
  readonly maxGapMs?: number;
}

export interface ScheduleContext {
  readonly limits: PassLimits;
  readonly passTimes: Pick<PassTimes, "decodeMs" | "prefillMs" | "longestChunkWithin" | "leastChunk">;
  readonly settings: ScheduleSettings;
  /** How long chunks have run since a pass had sequences that decode, ms. */
  readonly chunksMs: number;
}

/**
 * Plans the next pass: one token of every sequence that decodes, and a chunk of one prompt. Where a chunk must have the
 * pass to itself, chunks come first, as long as the sequences that decode can be made to wait. Pure: it changes nothing.
 */
export function schedule<S extends Schedulable>(
  sequences: readonly S[],
  context: ScheduleContext,
): PassPlan<S> {
  const { limits } = context;
  const most = Math.min(context.settings.prefillChunk, limits.maxRowTokens);
  const decoding: S[] = [];
  let isStreaming = false;
  let next: S | undefined;
  for (const sequence of sequences) {
    const { pending, priority, isPulled, isFollowing } = sequence;
    const decodes = Math.min(pending, most) === 1;
    // One that is not pulled at the moment may be in the next one: its sampler is busy with the last token.
    if (decodes && priority === "interactive") isStreaming = true;
    if (!isPulled || isFollowing) continue;
    if (decodes) decoding.push(sequence);
    else if (next === undefined || goesBefore(sequence, next)) next = sequence;
  }
  if (next === undefined) return { decoding, chunk: undefined };
  const isShared = limits.longRows === "any";
  const free = limits.maxTokens - (isShared ? decoding.length : 0);
  const wanted = Math.min(next.pending, most, free, next.unmeasured + limits.maxRowLogits);
  const count = isStreaming ? chunkTokens(wanted, decoding.length, context) : wanted;
  const chunk = count === 0 ? undefined : { sequence: next, count };
  return { decoding: isShared || chunk === undefined ? decoding : [], chunk };
}

/**
 * How many of the tokens wanted run next: what the interactive sequences that decode can be made to wait for. The first
 * chunk of a gap is no shorter than pays for its pass, since a gap that cannot be kept must not cost the throughput
 * too; the others are whole, or wait for the next gap.
 */
function chunkTokens(
  wanted: number,
  rows: number,
  { passTimes, settings: { maxGapMs = Infinity }, chunksMs }: ScheduleContext,
): number {
  const decodeMs = passTimes.decodeMs(Math.max(1, rows));
  const roomMs = Math.max(maxGapMs - decodeMs, decodeMs) - chunksMs;
  if (chunksMs > 0 && rows > 0) return passTimes.prefillMs(wanted) <= roomMs ? wanted : 0;
  return Math.min(wanted, Math.max(passTimes.leastChunk, passTimes.longestChunkWithin(roomMs)));
}

/** Interactive work first; then clients in turn, and their requests in turn; of a request the oldest, which other sequences may be following. */
function goesBefore(a: Schedulable, b: Schedulable): boolean {
  if (a.priority !== b.priority) return a.priority === "interactive";
  if (a.clientsLastPrefill !== b.clientsLastPrefill) return a.clientsLastPrefill < b.clientsLastPrefill;
  if (a.lastPrefill !== b.lastPrefill) return a.lastPrefill < b.lastPrefill;
  return a.arrival < b.arrival;
}
