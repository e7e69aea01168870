import { defineConfig } from "vitest/config";
import { hungMs, longestWaitMs } from "./test/support/limits.ts";

// Files that put other modules in the place of ours.
const alone = ["test/http/new-sampler.test.ts", "test/unit/evaluation/summary.test.ts"];

export default defineConfig({
  test: {
    testTimeout: hungMs,
    hookTimeout: hungMs,
    expect: { poll: { timeout: longestWaitMs, interval: 10 } },
    // Model passes spin native threads; a second test process would only make both slower.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Files share what they import: to load it anew for each took a third of the time. They leave no state behind.
        test: { name: "shared", include: ["test/**/*.test.ts"], exclude: alone, isolate: false },
      },
      { extends: true, test: { name: "alone", include: alone, isolate: true } },
    ],
  },
});
