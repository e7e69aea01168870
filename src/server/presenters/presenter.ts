import type { GenerationPlan } from "../generation-plan.ts";
import type { Json, LongJson } from "../long-json.ts";
import type { ChoiceEvent } from "../run-plan.ts";
import type { ChunkProgress } from "../schemas/chunks.ts";
import type { PromptMixing, Usage } from "../schemas/completions.ts";
import type { Selected, Votes } from "../schemas/selection.ts";
import type { Standing } from "../selection/race.ts";
import type { ChoicePart } from "./choice-tracker.ts";
import { statedSelection } from "./selection.ts";

/** Shapes an answer for one endpoint: whole, or chunk by chunk. */
export interface Presenter<Whole extends object, Chunk extends object> {
  whole(events: AsyncIterable<ChoiceEvent>): Promise<LongJson<Whole>>;
  /** What an event is streamed as; nothing for one that shows nothing. */
  chunks(event: ChoiceEvent): Iterable<Json<Chunk>>;
  /** The chunk that ends a stream whose client asked for its usage. */
  usageChunk(): Chunk;
}

/** What all chunks of an answer share. */
export interface AnswerHead {
  /** Unique; the endpoint puts `cmpl-` or `chatcmpl-` before it. */
  readonly id: string;
  /** Unix time, seconds. */
  readonly created: number;
}

/** What a request's fields came to that the answer does not show otherwise. */
export const statedIgnored = ({ ignored }: Pick<GenerationPlan, "ignored">): { ignored?: string[] } =>
  ignored.length === 0 ? {} : { ignored: [...ignored] };

/** Whether the answer's numbers do not repeat. */
export const statedReproducibility = ({
  reproducibility,
}: Pick<GenerationPlan, "reproducibility">): { reproducibility?: "approximate" } =>
  reproducibility === "approximate" ? { reproducibility } : {};

/** Why a choice ended before its sampler was through, where it did. */
export const statedEnd = ({ finish }: Pick<ChoicePart, "finish">): { ended_early?: "shutdown" } =>
  finish?.endedEarly === undefined ? {} : { ended_early: finish.endedEarly };

/** The usage so far, where every chunk is to have it; null where a chunk of its own will. */
export function statedUsage(
  { includeUsage, continuousUsage }: Pick<GenerationPlan, "includeUsage" | "continuousUsage">,
  tracker: { readonly usage: Usage },
): { usage?: Usage | null } {
  // Summed over all choices: not for chunks that do not show it.
  if (continuousUsage) return { usage: tracker.usage };
  return includeUsage ? { usage: null } : {};
}

/** How a choice's chain gets on, as a chunk without choices shows it. */
export function progressOf({ index, progress }: ChoiceEvent & { type: "progress" }): ChunkProgress {
  return { index, ...progress };
}

/** What a stream tells of candidates when one of them has ended; nothing before the end where they do not vote. */
export function statedStanding(
  standing: Standing,
  { n }: Pick<GenerationPlan, "n">,
): { mixing?: PromptMixing[]; selected?: Selected[]; votes?: Votes[] } | undefined {
  if (!standing.isOver && standing.votes === undefined) return undefined;
  const { mixing } = standing;
  return { ...(mixing === undefined ? {} : { mixing: [mixing] }), ...statedSelection([standing], n) };
}

/** How the chains of a prompt agree, in the chunk that the last of them ends with. */
export function statedMixing({ mixing }: ChoicePart): { mixing?: PromptMixing[] } {
  return mixing === undefined ? {} : { mixing: [mixing] };
}
