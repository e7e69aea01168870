import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { WatchEvent } from "../../../src/client/client.ts";
import { pace, position, record, recorded, seek } from "../../../web/src/views/steps/player.ts";

const question = { prompt: "1+1=", model: "toy" };
const pictureMs = 16;

/** A step by which the answer did not change. */
const step = (number: number): WatchEvent => ({
  type: "decision",
  id: "1",
  index: 0,
  block: 1,
  step: number,
  outcome: "rejected",
  probability: 0.5,
  swapped: false,
  logprob: -1,
});

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const shownStep = (): number => recorded.value.recording.frames[position.value]!.step;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("requestAnimationFrame", (draw: () => void) => setTimeout(draw, pictureMs));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("plays at its pace, however fast more comes", async () => {
  pace.value = 4;
  async function* events() {
    for (let number = 1; number <= 200; number++) {
      yield step(number);
      await pause(pictureMs);
    }
  }
  const recording = record(question, events());
  await vi.advanceTimersByTimeAsync(pictureMs + 2100);
  expect(recorded.value.recording.isOver).toBe(false);
  expect(position.value).toBe(8);
  await vi.runAllTimersAsync();
  await recording;
  expect(position.value).toBe(199);
});

it("shows what comes of a recording though a picture of the one before is due", async () => {
  pace.value = 0;
  async function* short() {
    yield step(1);
    await Promise.resolve();
  }
  async function* long() {
    yield step(2);
    await pause(1000);
  }
  await record(question, short());
  const recording = record(question, long());
  await vi.advanceTimersByTimeAsync(pictureMs);
  expect(shownStep()).toBe(2);
  await vi.runAllTimersAsync();
  await recording;
});

it("knows how far a draft is, as long as it is drafted", async () => {
  const at = { id: "1", index: 0, block: 1, blocks: 1, step: 0, steps: 1 };
  const counts = { moved: 0, unchanged: 0, rejected: 0, rejected_early: 0, acceptance: 0 };
  async function* events(): AsyncGenerator<WatchEvent> {
    yield { type: "progress", ...at, ...counts, drafted_tokens: 7, horizon: 48 };
    await pause(1000);
    yield { type: "progress", ...at, ...counts };
  }
  const recording = record(question, events());
  await vi.advanceTimersByTimeAsync(pictureMs);
  expect(recorded.value.recording.drafted).toMatchObject({ drafted_tokens: 7, horizon: 48 });
  await vi.runAllTimersAsync();
  await recording;
  expect(recorded.value.recording.drafted.drafted_tokens).toBeUndefined();
});

it("stays at the step that is shown while the earliest are forgotten", async () => {
  async function* events() {
    for (let number = 1; number <= 20_000; number++) yield step(number);
    await pause(1000);
    for (let number = 20_001; number <= 20_100; number++) yield step(number);
  }
  const recording = record(question, events());
  await vi.advanceTimersByTimeAsync(500);
  seek(12_000);
  expect(shownStep()).toBe(12_001);
  await vi.runAllTimersAsync();
  await recording;
  expect(recorded.value.recording.frames).toHaveLength(15_100);
  expect(shownStep()).toBe(12_001);
  seek(0);
  expect(shownStep()).toBe(5001);
});
