import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { createRunner, openGraph } from "../../../../src/engine/onnx/open-graph.ts";
import { concatGraph } from "../../../support/concat-graph.ts";

afterEach(() => vi.restoreAllMocks());

it("ConcatCacheRunner lets the event loop turn between rows that stay on its thread", async () => {
  const folder = await mkdtemp(join(tmpdir(), "metropolis-concat-"));
  const cpu = { device: "cpu", threads: 1 } as const;
  try {
    const path = join(folder, "model.onnx");
    await writeFile(path, concatGraph());
    await using runner = await createRunner(openGraph(path, cpu), {
      ...cpu,
      lanes: 8,
      capacity: 16,
      maxRowTokens: 4,
    });
    const rows = Array.from({ length: 8 }, (_, lane) => ({ lane, tokens: [1], position: 0 }));
    const turnsDuring = async (rowMs: number): Promise<number> => {
      let now = 0;
      // It is looked at before and after each row.
      vi.spyOn(performance, "now").mockImplementation(() => (now += rowMs));
      for (const { lane } of rows) runner.memory.truncate(lane, 0);
      let turns = 0;
      let next = setImmediate(function count() {
        turns++;
        next = setImmediate(count);
      });
      await runner.step(rows);
      clearImmediate(next);
      return turns;
    };
    // Whatever its first runs took.
    await turnsDuring(1);
    expect(await turnsDuring(1)).toBe(0);
    expect(await turnsDuring(20)).toBeGreaterThanOrEqual(2);
  } finally {
    await rm(folder, { recursive: true });
  }
});
