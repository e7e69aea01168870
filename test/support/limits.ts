/** For what hangs, ms. What is slow, on whatever machine and beside whatever else, is nowhere near it. */
export const hungMs = 240_000;
/** For one thing that a test waits for: before the test's own, so that it is named. */
export const longestWaitMs = hungMs / 2;
