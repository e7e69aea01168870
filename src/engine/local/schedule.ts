import { chunkOf, joinPrompts } from "./join-prompts.ts";
import type { PlannedRow, Prompt } from "./join-prompts.ts";
import type { PassTimes } from "./pass-times.ts";
import type { PassLimits } from "./runner.ts";

/** What `schedule` looks at in a sequence that holds a lane. */
export interface Schedulable extends Prompt {
  readonly isPulled: boolean;
  /** Whether it waits for K/V that another sequence is computing. */
  readonly isFollowing: boolean;
  /** How long prompts may hold it up, ms, beyond what a gap leaves them. */
  readonly patienceMs: number;
  /** Its number among all that were opened. */
  readonly arrival: number;
  /** The pass in which its client last had a chunk of a prompt run. */
  readonly clientsLastPrefill: number;
  /** The pass in which its request last had a chunk of a prompt run. */
  readonly lastPrefill: number;
}

export interface PassPlan<S> {
  /** One token of each sequence that decodes. */
  readonly decoding: readonly S[];
  /** Several tokens of one prompt, or the first tokens of several. */
  readonly chunks: readonly PlannedRow<S>[];
  /** What decodes, in this pass or after it, and is held up by the chunks. */
  readonly heldUp: readonly S[];
}

export interface ScheduleSettings {
  /** Most tokens of a prompt run in one pass. */
  readonly prefillChunk: number;
  /**
   * Longest pause between two tokens of a sequence without patience that prompts may cause, ms; none when left out. Where
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
 * Plans the next pass: one token of every sequence that decodes, and a chunk of one prompt, or of several that run
 * together. Where chunks must have the pass to themselves, they come first, as long as the sequences that decode can be
 * made to wait. Pure: it changes nothing.
 */
export function schedule<S extends Schedulable>(
  sequences: readonly S[],
  context: ScheduleContext,
): PassPlan<S> {
  const { limits } = context;
  const most = Math.min(context.settings.prefillChunk, limits.maxRowTokens);
  const decoding: S[] = [];
  const prompts: S[] = [];
  const { settings, chunksMs } = context;
  let gapMs = Infinity;
  for (const sequence of sequences) {
    const { pending, patienceMs, isPulled, isFollowing } = sequence;
    const decodes = Math.min(pending, most) === 1;
    // One that is not pulled at the moment may be in the next one: its sampler is busy with the last token.
    if (decodes) gapMs = Math.min(gapMs, Math.max(settings.maxGapMs ?? Infinity, chunksMs + patienceMs));
    if (isPulled && !isFollowing) (decodes ? decoding : prompts).push(sequence);
  }
  const [next, ...others] = prompts.sort(inTurn);
  if (next === undefined) return { decoding, chunks: [], heldUp: [] };
  const isShared = limits.longRows === "any";
  const free = limits.maxTokens - (isShared ? decoding.length : 0);
  const wanted = chunkOf(next, { ...limits, maxRowTokens: most, maxTokens: free });
  const room =
    gapMs < Infinity ? roomInGap({ ms: gapMs, rows: decoding.length }, wanted.count, context) : free;
  if (room === 0) return { decoding, chunks: [], heldUp: [] };
  const within = { ...limits, maxRowTokens: most, maxTokens: Math.min(free, room) };
  const chunks = joinPrompts(chunkOf(next, within), others, { ...context, limits: within });
  return { decoding: isShared ? decoding : [], chunks, heldUp: decoding };
}

/**
 * Tokens of prompts that the sequences which decode can be made to wait for. The first chunk of a gap may be as long as
 * pays for its pass, since a gap that cannot be kept must not cost the throughput too; the others are whole, or wait for
 * the next gap.
 */
function roomInGap(
  gap: { readonly ms: number; readonly rows: number },
  wanted: number,
  { passTimes, chunksMs }: ScheduleContext,
): number {
  const decodeMs = passTimes.decodeMs(Math.max(1, gap.rows));
  const within = passTimes.longestChunkWithin(Math.max(gap.ms - decodeMs, decodeMs) - chunksMs);
  if (chunksMs > 0 && gap.rows > 0) return wanted <= within ? within : 0;
  return Math.max(passTimes.leastChunk, within);
}

/** Interactive work first; then clients in turn, and their requests in turn; of a request the oldest, which other sequences may be following. */
const inTurn = (a: Schedulable, b: Schedulable): number =>
  Number(a.priority === "batch") - Number(b.priority === "batch") ||
  a.clientsLastPrefill - b.clientsLastPrefill ||
  a.lastPrefill - b.lastPrefill ||
  a.arrival - b.arrival;
