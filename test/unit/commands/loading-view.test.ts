import { describe, expect, it } from "vitest";
import { LoadingView } from "../../../src/commands/loading-view.ts";
import type { LoadProgress } from "../../../src/core/load-progress.ts";

const totalBytes = 515 * 1024 ** 2;
const reading = (share: number): LoadProgress => ({
  stage: "reading",
  bytes: share * totalBytes,
  totalBytes,
});
const stages: LoadProgress[] = [
  reading(0),
  reading(0.4),
  reading(1),
  { stage: "preparing", totalBytes },
  { stage: "measuring", totalBytes },
];

function shown(isTTY: boolean, progress: readonly LoadProgress[]): string[] {
  const written: string[] = [];
  using view = new LoadingView({ isTTY, write: (text) => written.push(text) });
  for (const one of progress) view.show(one);
  return written;
}

describe("LoadingView", () => {
  it("writes a line for each stage where there is no terminal", () => {
    expect(shown(false, stages)).toEqual([
      "loading: reading weights, 515 MiB\n",
      "loading: preparing the graph\n",
      "loading: timing passes\n",
    ]);
  });

  it("rewrites one line on a terminal", () => {
    const written = shown(true, stages);
    expect(written).toHaveLength(4);
    expect(written.pop()).toBe("\r\u001b[K");
    expect(written.every((text) => text.startsWith("\r\u001b[Kloading: ") && !text.includes("\n"))).toBe(
      true,
    );
    expect(written[0]).toMatch(/reading weights, 0 % of 515 MiB, 0\.\d s$/);
  });

  it("clears its line, and shows no more once the model is there", () => {
    const written: string[] = [];
    const view = new LoadingView({ isTTY: true, write: (text) => written.push(text) });
    view.show(reading(0.4));
    view[Symbol.dispose]();
    expect(written.at(-1)).toBe("\r\u001b[K");
    view.show(reading(1));
    view[Symbol.dispose]();
    expect(written).toHaveLength(2);
  });

  it("says nothing of a model that is there at once", () => {
    expect(shown(false, [{ stage: "preparing", totalBytes: 2 ** 20 }])).toEqual([]);
    expect(shown(true, [{ stage: "preparing", totalBytes: 2 ** 20 }])).toEqual([]);
  });
});
