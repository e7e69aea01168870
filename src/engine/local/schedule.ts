import type { Priority } from "../engine.ts";
import type { PassTimes } from "./pass-times.ts";
import type { PassLimits } from "./runner.ts";

/** What `schedule` looks at in a sequence that holds a lane. */
export interface Schedulable {
  /** Tokens to be run before it has what it is pulled for. */
  readonly pending: number;
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
   * Longest pause between two tokens of an interactive sequence that a prompt may cause, ms: its chunks are cut to
   * what the pass times say fits. Where decode passes take more than half of it, a chunk may take as long as they do.
   */
  readonly maxGapMs?: number;
}

export interface ScheduleContext {
  readonly limits: PassLimits;
  readonly passTimes: Pick<PassTimes, "decodeMs" | "longestChunkWithin">;
  readonly settings: ScheduleSettings;
  /** Whether the last pass ran a chunk of a prompt. */
  readonly hadChunk: boolean;
}

/**
 * Plans the next pass: one token of every sequence that decodes, and a chunk of one prompt. Where a chunk must have the
 * pass to itself, the two alternate. Pure: it changes nothing.
 */
export function schedule<S extends Schedulable>(
  sequences: readonly S[],
  context: ScheduleContext,
): PassPlan<S> {
  const { limits, hadChunk } = context;
  const most = Math.min(context.settings.prefillChunk, limits.maxRowTokens);
  const decoding: S[] = [];
  let next: S | undefined;
  for (const sequence of sequences) {
    if (!sequence.isPulled || sequence.isFollowing) continue;
    if (Math.min(sequence.pending, most) === 1) decoding.push(sequence);
    else if (next === undefined || goesBefore(sequence, next)) next = sequence;
  }
  if (next === undefined) return { decoding, chunk: undefined };
  const chunk = { sequence: next, count: Math.min(next.pending, most, roomFor(decoding, context)) };
  if (limits.longRows === "any") return { decoding, chunk };
  return decoding.length > 0 && hadChunk ? { decoding, chunk: undefined } : { decoding: [], chunk };
}

/** As many tokens of a prompt as the sequences that decode meanwhile can be made to wait for. */
function roomFor(decoding: readonly Schedulable[], { limits, passTimes, settings }: ScheduleContext): number {
  const free = limits.maxTokens - (limits.longRows === "any" ? decoding.length : 0);
  const { maxGapMs } = settings;
  if (maxGapMs === undefined || !decoding.some(({ priority }) => priority === "interactive")) return free;
  const decodeMs = passTimes.decodeMs(decoding.length);
  const room = Math.max(maxGapMs - decodeMs, decodeMs);
  return Math.min(free, Math.max(1, passTimes.longestChunkWithin(room)));
}

/** Interactive work first; then clients in turn, and their requests in turn; of a request the oldest, which other sequences may be following. */
function goesBefore(a: Schedulable, b: Schedulable): boolean {
  if (a.priority !== b.priority) return a.priority === "interactive";
  if (a.clientsLastPrefill !== b.clientsLastPrefill) return a.clientsLastPrefill < b.clientsLastPrefill;
  if (a.lastPrefill !== b.lastPrefill) return a.lastPrefill < b.lastPrefill;
  return a.arrival < b.arrival;
}
