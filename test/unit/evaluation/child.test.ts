import { expect, it } from "vitest";
import { runChild } from "../../../src/evaluation/graders/child.ts";

const maxOutputBytes = 1000;
/** How long the child would hold its output open, if it were waited for. */
const childSeconds = 60;

it.skipIf(process.platform !== "linux").concurrent.each([
  ["the command ends", `echo ok; setsid sleep ${childSeconds} & exit 3`, 60_000, { code: 3, output: "ok\n" }],
  ["its time is up", `setsid sleep ${childSeconds}`, 500, { code: null, output: "" }],
])(
  "a child of a command that left its group is not waited for when %s",
  async (_, script, timeoutMs, outcome) => {
    const start = performance.now();
    expect(await runChild(["sh", "-c", script], { timeoutMs, maxOutputBytes })).toEqual(outcome);
    expect(performance.now() - start).toBeLessThan((1000 * childSeconds) / 2);
  },
);
