import { expect, it } from "vitest";
import { pause } from "../../../src/core/pause.ts";

it("waits as long as it was asked to, or until it is called off", async () => {
  await pause(1);
  for (const ms of [2 ** 31, 1e12, Infinity])
    await expect(pause(ms, AbortSignal.timeout(20))).rejects.toMatchObject({ name: "AbortError" });
});
