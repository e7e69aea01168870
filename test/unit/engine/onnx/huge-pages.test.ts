import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { HostTensor } from "../../../../src/engine/onnx/ort/tensor.ts";
import { moveToHugePages, watchMemory } from "../../../../src/engine/onnx/ort/huge-pages.ts";

const mib = 2 ** 20;
const policy = "/sys/kernel/mm/transparent_hugepage/enabled";
const [major = 0, minor = 0] = release().split(".").map(Number);
const isNew = major > 6 || (major === 6 && minor >= 1);
const hasHugePages = existsSync(policy) && !readFileSync(policy, "utf8").includes("[never]") && isNew;

/** Memory that somebody has written to. */
function written(bytes: number): HostTensor {
  const tensor = HostTensor.zeros("float32", [bytes / 4]);
  tensor.asFloat32().fill(1);
  return tensor;
}

/** Of this process, bytes. */
function onHugePages(): number {
  const [, kib] = /AnonHugePages: +(\d+) kB/.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))!;
  return Number(kib) * 1024;
}

describe("huge pages", () => {
  it.runIf(hasHugePages)("take what loading left, and keep it as it is; nothing else is moved", async () => {
    const before = written(32 * mib);
    const had = onHugePages();
    // Where the policy is `always`, they may stand there from the first.
    const { loaded, memory } = watchMemory(() => written(64 * mib));
    await moveToHugePages(memory);
    const moved = onHugePages() - had;
    // Some may find no room.
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(80 * mib);
    expect(loaded.asFloat32().every((value) => value === 1)).toBe(true);
    expect(before.asFloat32()[0]).toBe(1);
  });

  it.runIf(hasHugePages)("take no more once that is over, 64 MiB after the last look at it", async () => {
    const { loaded, memory } = watchMemory(() => written(256 * mib));
    const had = onHugePages();
    let looks = 0;
    await moveToHugePages(memory, () => ++looks > 1);
    expect(onHugePages() - had).toBeLessThan(96 * mib);
    expect(loaded.asFloat32()[0]).toBe(1);
  });

  it.runIf(hasHugePages)("are no reason to fail: what was let go of is passed over", async () => {
    await moveToHugePages([{ start: 2n ** 21n, end: 2n ** 22n }]);
  });

  it("are nothing that loading waits for, or fails for, on any machine", async () => {
    const { loaded, memory } = watchMemory(() => "loaded");
    expect(loaded).toBe("loaded");
    await moveToHugePages(memory);
  });

  it("are no reason not to load where the system does not say what it has", () => {
    const told = join(mkdtempSync(join(tmpdir(), "metropolis-huge-pages-")), "told");
    writeFileSync(told, "always [madvise] never\n");
    const nothing = { loaded: "loaded", memory: [] };
    // What cannot be read as a file: not there, or a folder.
    for (const hidden of [`${told}/none`, tmpdir()]) {
      expect(watchMemory(() => "loaded", { policy: hidden, maps: told })).toEqual(nothing);
      expect(watchMemory(() => "loaded", { policy: told, maps: hidden })).toEqual(nothing);
    }
    rmSync(dirname(told), { recursive: true });
  });
});
