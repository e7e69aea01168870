/** How much of a machine a model gets: what its operator asks for, and what is chosen where nothing is asked. */
import { InferenceError } from "../core/errors.ts";
import type { Device } from "../engine/onnx/ort/device-memory.ts";
import type { DecoderGraph } from "../engine/onnx/graphs/decoder-graph.ts";
import type { EngineSettings } from "./engine-settings.ts";
import type { Machine } from "./machine.ts";
import { cacheBudget, checkContext, mib } from "./memory.ts";

/** A number of the engine's, and why it is that one, as the end of a line. */
export interface Choice {
  readonly value: number;
  readonly reason: string;
}

const asked = "as asked";

/** A pass over weights of fewer bytes is over sooner than it is shared out among threads. */
const leastSharedBytes = 32 * mib;

/** A pass reads all weights: beyond so many threads, memory is what it waits for. */
const mostThreads = 16;

/** Of so many cores and more, one is left to the server's own threads: a pass waits for its slowest thread. */
const coresToSpare = 4;

/**
 * Native threads of a pass: one for each core that the process has to itself.
 * @param fileBytes of the graph and its weights
 */
export function chooseThreads(
  { threads, device }: Pick<EngineSettings, "threads" | "device">,
  fileBytes: number,
  { cores, cpuQuota = Infinity }: Pick<Machine, "cores" | "cpuQuota">,
): Choice {
  if (threads !== undefined) return { value: threads, reason: asked };
  if (device !== "cpu") return { value: 1, reason: "the device computes" };
  if (fileBytes < leastSharedBytes) return { value: 1, reason: "a small model gains nothing from more" };
  const quota = Math.max(1, Math.floor(cpuQuota));
  const free = cores < coresToSpare ? cores : cores - 1;
  const value = Math.min(free, quota, mostThreads);
  if (value === cores) return { value, reason: cores === 1 ? "there is one core" : "one for each core" };
  if (value === free) return { value, reason: `one of ${cores} cores is left to the server's own` };
  if (value === quota) return { value, reason: `its control group leaves ${+cpuQuota.toFixed(2)} CPUs` };
  return { value, reason: `more of the ${cores} cores would wait for memory` };
}

/**
 * Most prompt tokens of a pass: more where the graph computes no logits before those that are asked for, since a chunk's
 * logits take vocabulary × tokens otherwise.
 */
export const choosePrefillChunk = (
  { prefillChunk }: Pick<EngineSettings, "prefillChunk">,
  { takesLogitTokens }: Pick<DecoderGraph, "takesLogitTokens">,
): number => prefillChunk ?? (takesLogitTokens ? 256 : 64);

/** Memory that a store has where there is enough, MiB. */
const usualStoreMib = 256;

/** Budget of the prefix store, and of the memo: a sixteenth of a machine of less than 4 GiB. */
export const chooseStoreMib = (askedMib: number | undefined, { memoryBytes }: Pick<Machine, "memoryBytes">) =>
  askedMib ?? Math.max(1, Math.min(usualStoreMib, Math.floor(memoryBytes / 16 / mib)));

/** What memory leaves the stores, for an operator; nothing where that is the usual. */
export function describeStores(
  { prefixStoreMib, memoMib }: Pick<EngineSettings, "prefixStoreMib" | "memoMib">,
  machine: Pick<Machine, "memoryBytes">,
): string[] {
  const mib = chooseStoreMib(undefined, machine);
  if (mib === usualStoreMib || (prefixStoreMib !== undefined && memoMib !== undefined)) return [];
  const names = [
    ...(prefixStoreMib === undefined ? ["prefix store"] : []),
    ...(memoMib === undefined ? ["memo"] : []),
  ];
  return [`stores: ${mib} MiB for ${names.join(" and ")} (a sixteenth of ${mebibytes(machine.memoryBytes)})`];
}

/**
 * Refuses weights that the machine's memory cannot hold while they are read: the kernel would end the process amid that.
 * They are in memory twice then, as they stand in their files and as products are computed with them.
 * @throws InferenceError with what would fit
 */
export function checkWeights(
  { device, mapWeights }: Pick<EngineSettings, "device" | "mapWeights">,
  fileBytes: number,
  { memoryBytes }: Pick<Machine, "memoryBytes">,
): void {
  const kept = device === "cpu" ? fileBytes : 0;
  const needed = kept + (mapWeights ? 0 : fileBytes);
  if (needed <= memoryBytes) return;
  const mapped = kept <= memoryBytes && !mapWeights ? "use --map-weights, or " : "";
  throw new InferenceError(
    "invalid_request",
    `The model's files are ${mebibytes(fileBytes)}, and take ${mebibytes(needed)} while they are loaded; this machine has ${mebibytes(memoryBytes)}: ${mapped}use a smaller --dtype or model.`,
    { param: "model" },
  );
}

/** What a model's live cache asks of memory. */
export interface CacheNeeds {
  /** Of the graph and its weights. */
  readonly fileBytes: number;
  readonly bytesPerToken: number;
  /** Positions that the model was made for, if it says. */
  readonly maxPositions: number | undefined;
  /** Where the live cache stands. */
  readonly cacheDevice: Device;
}

export interface Size {
  readonly lanes: number;
  /** Tokens per lane. */
  readonly context: number;
  /** Why so many, as the end of a line. */
  readonly reason: string;
}

/** Where neither the model nor the operator says, and on a device, this many tokens. */
const usualContext = 4096;

/** Most lanes that are chosen: a pass of so many rows takes little longer than one of a few. */
const usualLanes = 16;

/** Of what a live cache may take at most; the machine may have other work, and memory other parts. */
const chosenShare = 0.5;

const leastContext = 128;

/** Where memory is short, first context goes, down to what most requests need; then lanes, to a few; and so on. */
const retreats = [
  { leastLanes: 4, mostLanes: usualLanes, leastContext: usualContext },
  { leastLanes: 1, mostLanes: 4, leastContext: 1024 },
  { leastLanes: 1, mostLanes: 1, leastContext },
] as const;

/**
 * Lanes, and tokens in each: 16 of the model's whole context where a share of the memory has room for them. What is asked
 * for, and the least that is of use, may have none: see `checkMemory`.
 * @throws InferenceError where a longer context is asked for than the model has
 */
export function chooseSize(
  wanted: Pick<EngineSettings, "lanes" | "context">,
  { fileBytes, bytesPerToken, maxPositions, cacheDevice }: CacheNeeds,
  { memoryBytes }: Pick<Machine, "memoryBytes">,
): Size {
  checkContext(wanted.context, maxPositions);
  const longest = wanted.context ?? maxPositions ?? usualContext;
  const whole = { lanes: wanted.lanes ?? usualLanes, context: longest };
  // A device says itself what it has room for.
  if (cacheDevice !== "cpu")
    return {
      ...whole,
      context: wanted.context ?? Math.min(longest, usualContext),
      reason: "if the device has room",
    };
  const budget = cacheBudget(fileBytes, memoryBytes);
  const fitting = fitWithin(Math.floor((budget * chosenShare) / bytesPerToken), wanted, longest);
  const size = fitting ?? {
    lanes: wanted.lanes ?? 1,
    context: wanted.context ?? Math.min(leastContext, longest),
  };
  if (wanted.lanes !== undefined && wanted.context !== undefined) return { ...size, reason: asked };
  const isWhole = size.lanes === whole.lanes && size.context === whole.context;
  const room = `as much as ${mebibytes(memoryBytes)} of memory leave room for`;
  return { ...size, reason: isWhole ? "the model's whole context" : room };
}

/** @returns `undefined` where the room of so many tokens is less than the least that is of use, or than what is wanted */
function fitWithin(
  tokens: number,
  { lanes, context }: Pick<EngineSettings, "lanes" | "context">,
  longest: number,
): Omit<Size, "reason"> | undefined {
  for (const { leastLanes, mostLanes, leastContext: least } of retreats) {
    const shortest = context ?? Math.min(least, longest);
    const count = lanes ?? Math.min(mostLanes, Math.floor(tokens / shortest));
    const each = Math.min(longest, Math.floor(tokens / count));
    if (count >= (lanes ?? leastLanes) && each >= shortest) return { lanes: count, context: each };
  }
  return undefined;
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / mib)} MiB`;
