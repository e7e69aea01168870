import { readFileSync, readdirSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";

/** What this process may use of the machine that it runs on. */
export interface Machine {
  /** Cores: those that share their arithmetic with a sibling (SMT) count once. */
  readonly cores: number;
  /** What a control group (a container's, or one above it) lets it have of them, if it sets a limit; 1.5, say. */
  readonly cpuQuota: number | undefined;
  /** The machine's memory or, where it is less, what a control group lets it have; bytes. */
  readonly memoryBytes: number;
}

/** What the runtime says of a machine. */
interface Reported {
  readonly parallelism: number;
  readonly totalBytes: number;
  /** 0, or a number beyond all memory, where there is no limit. */
  readonly constrainedBytes: number;
}

/**
 * Looks at the machine. On Linux cores are told from their siblings, and limits of the control groups above the own one
 * are found; elsewhere all processors that the system gives count as cores.
 * @param root of /proc and /sys
 */
export function readMachine(root = "/", reported: Reported = askRuntime()): Machine {
  const groups = readControlGroups(root);
  const limits = groups.flatMap(({ memoryBytes = Infinity }) => memoryBytes);
  const { constrainedBytes, totalBytes } = reported;
  const quotas = groups.flatMap(({ cpuQuota = Infinity }) => cpuQuota).filter(Number.isFinite);
  return {
    cores: countCores(root) ?? reported.parallelism,
    cpuQuota: quotas.length === 0 ? undefined : Math.min(...quotas),
    memoryBytes: Math.min(totalBytes, constrainedBytes > 0 ? constrainedBytes : Infinity, ...limits),
  };
}

const askRuntime = (): Reported => ({
  parallelism: availableParallelism(),
  totalBytes: totalmem(),
  constrainedBytes: process.constrainedMemory(),
});

/** Cores that the process may run on; `undefined` where the kernel does not tell. */
function countCores(root: string): number | undefined {
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(textOf(root, "proc/self/status") ?? "")?.[1];
  const folder = "sys/devices/system/cpu";
  // A core is known by the list of its processors.
  const cores = new Set<string>();
  for (const name of namesIn(root, folder)) {
    const processor = /^cpu(\d+)$/.exec(name)?.[1];
    if (processor === undefined) continue;
    if (allowed !== undefined && !holds(allowed, Number(processor))) continue;
    const siblings = textOf(root, `${folder}/${name}/topology/thread_siblings_list`);
    if (siblings !== undefined) cores.add(siblings);
  }
  return cores.size === 0 ? undefined : cores.size;
}

/** Whether a kernel's list, such as 0-3,8, has a number. */
function holds(list: string, number: number): boolean {
  return list.split(",").some((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return first! <= number && number <= last!;
  });
}

interface GroupLimits {
  readonly memoryBytes?: number | undefined;
  readonly cpuQuota?: number | undefined;
}

/** Limits of the control groups that the process is in, of both versions; those above a group bind it as well. */
function readControlGroups(root: string): GroupLimits[] {
  const lines = (textOf(root, "proc/self/cgroup") ?? "").split("\n");
  return lines.flatMap((line) => {
    const [, controllers, path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined) return [];
    const paths = selfAndAbove(path);
    // Version 2 has no controllers in its line.
    if (controllers === "") return paths.map((group) => readGroup(root, group));
    return controllers.split(",").flatMap((name) => paths.map((group) => readFormerGroup(root, name, group)));
  });
}

/** /a/b, /a and the root; a container may see its own group as the root, under a path that is not there. */
function selfAndAbove(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return Array.from({ length: parts.length + 1 }, (_, count) => parts.slice(0, count).join("/"));
}

const groupsFolder = "sys/fs/cgroup";

function readGroup(root: string, group: string): GroupLimits {
  const text = (name: string) => textOf(root, join(groupsFolder, group, name));
  const [quota, period] = text("cpu.max")?.split(" ") ?? [];
  return { memoryBytes: limitOf(text("memory.max")), cpuQuota: quotaOf(quota, period) };
}

/** Of version 1, where each controller has a tree of its own. */
function readFormerGroup(root: string, controller: string, group: string): GroupLimits {
  const text = (name: string) => textOf(root, join(groupsFolder, controller, group, name));
  if (controller === "memory") return { memoryBytes: limitOf(text("memory.limit_in_bytes")) };
  if (controller !== "cpu") return {};
  return { cpuQuota: quotaOf(text("cpu.cfs_quota_us"), text("cpu.cfs_period_us")) };
}

/** `undefined` for "max", and for what is not there. */
function limitOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return value > 0 ? value : undefined;
}

/** CPUs; version 1 says −1 where there is no limit. */
function quotaOf(quota: string | undefined, period: string | undefined): number | undefined {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 && Number.isFinite(cpus) ? cpus : undefined;
}

function textOf(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), "utf8").trim();
  } catch {
    return undefined;
  }
}

function namesIn(root: string, path: string): string[] {
  try {
    return readdirSync(join(root, path));
  } catch {
    return [];
  }
}
