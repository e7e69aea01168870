import { readFileSync } from "node:fs";
import koffi from "koffi";

/** Where Linux says whether it has huge pages and who may have them, and what this process has in memory. */
const linux = { policy: "/sys/kernel/mm/transparent_hugepage/enabled", maps: "/proc/self/maps" };

/** MADV_COLLAPSE of madvise(2): puts what stands in a range onto huge pages. Since Linux 6.1; refused before. */
const collapse = 25;

/** Of x86-64, and of arm64 with pages of 4 KiB. Smaller mappings hold no weights. */
const hugePageBytes = 2n ** 21n;

/** What one call moves: a few hundredths of a second's work, which nothing can end. */
const bytesAtOnce = 32n * hugePageBytes;

/** Addresses from `start` up to `end`. */
export interface MemoryRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Loads, and tells what that leaves in memory: nothing where the system has no huge pages for it, or its operator has
 * set `never`.
 * @param files of the system's
 */
export function watchMemory<T>(
  load: () => T,
  { policy, maps }: typeof linux = linux,
): { readonly loaded: T; readonly memory: readonly MemoryRange[] } {
  if (!/\[(always|madvise)\]/.test(contentsOf(policy))) return { loaded: load(), memory: [] };
  const before = ownMemory(maps);
  const loaded = load();
  return { loaded, memory: without(ownMemory(maps), before) };
}

/**
 * Moves memory onto huge pages, beside what goes on in it: a second's work for half a gigabyte. A pass reads every
 * weight, and the processor looks up each page that it reads: in float32 that took 4 to 6 % of a pass at 4 KiB
 * (docs/benchmarks.md, t). What there is no room for stays where it is, and what was let go of is no longer there.
 * @param isOver whether to leave the rest where it is: the thread that asked does not end before this does
 */
export async function moveToHugePages(
  memory: readonly MemoryRange[],
  isOver: () => boolean = () => false,
): Promise<void> {
  if (memory.length === 0) return;
  const madvise = koffi.load("libc.so.6").func("int madvise(size_t start, size_t bytes, int advice)");
  for (const { start, end } of memory) {
    const first = ((start + hugePageBytes - 1n) / hugePageBytes) * hugePageBytes;
    for (let at = first; at + hugePageBytes <= end && !isOver(); at += bytesAtOnce) {
      const bytes = end - at < bytesAtOnce ? end - at : bytesAtOnce;
      await new Promise((done) => {
        madvise.async(at, bytes, collapse, done);
      });
    }
  }
}

/** Of a file of the system's; nothing where there is none, or one that may not be read: no reason not to load. */
function contentsOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** This process's memory with no file behind it, in ascending order. */
function ownMemory(maps: string): MemoryRange[] {
  const lines = contentsOf(maps).split("\n");
  return lines.flatMap((line) => {
    const [range, access, , , file] = line.split(/ +/);
    if (access !== "rw-p" || file !== "0") return [];
    const [start, end] = range!.split("-") as [string, string];
    return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) }];
  });
}

/** What is in ranges, but in none of the others; both in ascending order. */
function without(ranges: readonly MemoryRange[], others: readonly MemoryRange[]): MemoryRange[] {
  return ranges.flatMap(({ start, end }) => {
    const left: MemoryRange[] = [];
    let from = start;
    for (const other of others) {
      if (other.end <= from || other.start >= end) continue;
      if (other.start > from) left.push({ start: from, end: other.start });
      from = other.end;
    }
    if (from < end) left.push({ start: from, end });
    return left;
  });
}
