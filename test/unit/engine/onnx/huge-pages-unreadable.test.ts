import type * as fs from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { moveToHugePages, watchMemory } from "../../../../src/engine/onnx/ort/huge-pages.ts";

const denied = vi.hoisted(() => ({ path: "" }));

vi.mock("node:fs", async (original) => {
  const actual = await original<typeof fs>();
  const readFileSync = (path: string, encoding: "utf8"): string => {
    if (path === denied.path) throw new Error(`EACCES: permission denied, open '${path}'`);
    return path.startsWith("/sys/") ? "always [madvise] never\n" : actual.readFileSync(path, encoding);
  };
  return { ...actual, readFileSync };
});

describe("huge pages", () => {
  it.each(["/sys/kernel/mm/transparent_hugepage/enabled", "/proc/self/maps"])(
    "are no reason not to load where %s may not be read",
    async (path) => {
      denied.path = path;
      const { loaded, memory } = watchMemory(() => "loaded");
      expect(loaded).toBe("loaded");
      expect(memory).toEqual([]);
      await moveToHugePages(memory);
    },
  );
});
