import { defineConfig } from "vitest/config";

// For what hangs. What is slow, on whatever machine and beside whatever else, is nowhere near it.
const hung = 240_000;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: hung,
    hookTimeout: hung,
    expect: { poll: { timeout: hung / 2, interval: 10 } },
    // Model passes spin native threads; a second test process would only make both slower.
    maxWorkers: 2,
    // Files share what they import: to load it anew for each took a third of the time. They leave no state behind.
    isolate: false,
  },
});
