import { expect, it } from "vitest";
import { cancel, isRunning, run } from "../../../web/src/state/run.ts";

it("begins what was asked for last once the one before has ended, and nothing that was cancelled by then", async () => {
  const begun: string[] = [];
  let end = (): void => undefined;
  run(async () => {
    begun.push("first");
    await new Promise<void>((resolve) => {
      end = resolve;
    });
  });
  await expect.poll(() => begun).toEqual(["first"]);
  const begin = (name: string) => {
    run(async () => {
      begun.push(name);
      return Promise.resolve();
    });
  };
  begin("second");
  begin("third");
  cancel();
  begin("fourth");
  expect(begun).toEqual(["first"]);
  end();
  await expect.poll(() => isRunning.value).toBe(false);
  expect(begun).toEqual(["first", "fourth"]);
});
