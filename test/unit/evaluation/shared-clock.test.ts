import { expect, it } from "vitest";
import { SharedClock } from "../../../src/evaluation/shared-clock.ts";

it("shares the time among the requests under way, by their answers", () => {
  let now = 5000;
  const clock = new SharedClock(() => now);
  const one = clock.begin(1);
  now += 2000;
  const three = clock.begin(3);
  now += 4000;
  expect(one()).toEqual({ seconds: 6, sharedSeconds: 2 + 1 });
  now += 1000;
  expect(three()).toEqual({ seconds: 5, sharedSeconds: 3 + 1 });
  // While nothing is under way, time is nobody's.
  now += 60_000;
  const last = clock.begin(2);
  now += 500;
  expect(last()).toEqual({ seconds: 0.5, sharedSeconds: 0.5 });
});
