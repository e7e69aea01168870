import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Model passes spin native threads; a second test process would only make both slower.
    maxWorkers: 2,
  },
});
