import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { totalmem, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readMachine } from "../../../src/assembly/machine.ts";

const gib = 1024 ** 3;
const reported = { parallelism: 32, totalBytes: 128 * gib, constrainedBytes: 0 };
const roots: string[] = [];

/** A root folder with these files of /proc and /sys. */
function layOut(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "metropolis-machine-"));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  return root;
}

/** As the kernel lists them: each processor with those that it shares a core with. */
const processors = (siblings: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    siblings.map((list, index) => [`sys/devices/system/cpu/cpu${index}/topology/thread_siblings_list`, list]),
  );

const sixteenCores = processors(
  Array.from({ length: 32 }, (_, index) => `${index % 16},${(index % 16) + 16}`),
);

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

describe("readMachine", () => {
  it.each([
    ["16 cores of two threads each", sixteenCores, 16],
    ["siblings side by side", processors(["0-1", "0-1", "2-3", "2-3"]), 2],
    ["no siblings", processors(["0", "1"]), 2],
    [
      "a process that may run on some of them alone",
      { ...sixteenCores, "proc/self/status": "Name:\tnode\nCpus_allowed_list:\t0-3,16-19,8\n" },
      5,
    ],
    ["two processors of one core", { ...sixteenCores, "proc/self/status": "Cpus_allowed_list:\t3,19" }, 1],
    ["a kernel that tells nothing", { "sys/devices/system/cpu/online": "0-31" }, 32],
  ])("counts cores: %s", (_, files, cores) => {
    expect(readMachine(layOut(files), reported)).toEqual({
      cores,
      cpuQuota: undefined,
      memoryBytes: 128 * gib,
    });
  });

  it.each([
    [
      "of version 2, as a container sees its own",
      { "proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000" },
      1.5,
    ],
    [
      "of a group above the own one",
      {
        "proc/self/cgroup": "0::/pod.slice/container",
        "sys/fs/cgroup/pod.slice/cpu.max": "200000 100000",
        "sys/fs/cgroup/pod.slice/container/cpu.max": "max 100000",
      },
      2,
    ],
    [
      "of version 1",
      {
        "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n1:memory:/docker/abc",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
      },
      0.5,
    ],
    [
      "of version 1, without one",
      {
        "proc/self/cgroup": "4:cpu,cpuacct:/",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
      },
      undefined,
    ],
    ["none", { "proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000" }, undefined],
  ])("finds the quota of CPUs: %s", (_, files, cpuQuota) => {
    expect(readMachine(layOut(files), reported).cpuQuota).toBe(cpuQuota);
  });

  it.each([
    ["of version 2", { "proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": String(gib) }, 0, gib],
    [
      "of a group above the own one",
      {
        "proc/self/cgroup": "0::/pod/container",
        "sys/fs/cgroup/pod/memory.max": String(2 * gib),
        "sys/fs/cgroup/pod/container/memory.max": String(4 * gib),
      },
      0,
      2 * gib,
    ],
    [
      "of version 1",
      { "proc/self/cgroup": "1:memory:/", "sys/fs/cgroup/memory/memory.limit_in_bytes": String(3 * gib) },
      0,
      3 * gib,
    ],
    [
      "of version 1, without one",
      {
        "proc/self/cgroup": "1:memory:/",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
      },
      9223372036854771712,
      128 * gib,
    ],
    ["as the runtime tells it", {}, gib / 2, gib / 2],
    ["none", { "proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max" }, 0, 128 * gib],
  ])("finds the limit of memory: %s", (_, files, constrainedBytes, memoryBytes) => {
    expect(readMachine(layOut(files), { ...reported, constrainedBytes }).memoryBytes).toBe(memoryBytes);
  });

  it("says something of this machine", () => {
    const { cores, memoryBytes } = readMachine();
    expect(cores).toBeGreaterThanOrEqual(1);
    expect(memoryBytes).toBeGreaterThan(0);
    expect(memoryBytes).toBeLessThanOrEqual(totalmem());
  });
});
