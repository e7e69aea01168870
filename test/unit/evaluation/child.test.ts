import { expect, it } from "vitest";
import { runChild } from "../../../src/evaluation/graders/child.ts";

const limits = { timeoutMs: 1000, maxOutputBytes: 1000 };

it.skipIf(process.platform !== "linux").each([
  ["the command ends", "echo ok; setsid sleep 6 & exit 3", { code: 3, output: "ok\n" }],
  ["its time is up", "setsid sleep 6", { code: null, output: "" }],
])("a child of a command that left its group is not waited for when %s", async (_, script, outcome) => {
  const start = performance.now();
  expect(await runChild(["sh", "-c", script], limits)).toEqual(outcome);
  expect(performance.now() - start).toBeLessThan(5000);
});
