import { describe, expect, it } from "vitest";
import type { TestOptions } from "vitest";
import type { ModelRunner } from "../../src/engine/local/runner.ts";
import type { TokenIds } from "../../src/core/tokens.ts";

export interface RunnerSubject {
  /** 6 lanes of 96 tokens, rows of at most 32. */
  readonly open: () => Promise<ModelRunner>;
  /** At least 12. */
  readonly ids: TokenIds;
  /** Logits after `ids[..index]`, computed elsewhere and without a cache. */
  readonly logitsAfter: (index: number) => Float32Array;
  /** Largest difference that rounding explains. */
  readonly tolerance: number;
}

export const runnerSize = { lanes: 6, capacity: 96, maxRowTokens: 32 } as const;

/** What every model runner owes the scheduler. */
export function testRunner(
  name: string,
  { open, ids, logitsAfter, tolerance }: RunnerSubject,
  options: TestOptions = {},
): void {
  const last = ids.length - 1;
  const expectLogits = (actual: Float32Array, index: number): void => {
    const expected = logitsAfter(index);
    expect(actual.length).toBe(expected.length);
    const difference = Math.max(...expected.map((value, id) => Math.abs(value - actual[id]!)));
    expect(difference).toBeLessThan(tolerance);
  };

  describe(name, options, () => {
    it("agrees with the reference in one pass, step by step and in chunks", async () => {
      await using runner = await open();
      const whole = await runner.step([{ lane: 2, tokens: ids, position: 0 }]);
      for (const index of ids.keys()) expectLogits(whole.row(0, index), index);
      expect([...whole.row(0)]).toEqual([...whole.row(0, last)]);

      for (const [position, token] of ids.entries()) {
        expectLogits((await runner.step([{ lane: 4, tokens: [token], position }])).row(0), position);
      }

      await runner.step([{ lane: 0, tokens: ids.slice(0, 7), position: 0 }]);
      const chunked = await runner.step([{ lane: 0, tokens: ids.slice(7), position: 7 }]);
      for (let index = 7; index <= last; index++) expectLogits(chunked.row(0, index - 7), index);
    });

    it("decodes a ragged batch of lanes, idle ones between them", async () => {
      await using runner = await open();
      const lengths = [3, last, 9, 5];
      for (const [index, length] of lengths.entries()) {
        await runner.step([{ lane: 1 + index, tokens: ids.slice(0, length), position: 0 }]);
      }
      const decoding = async (idle: number): Promise<void> => {
        const logits = await runner.step(
          lengths.map((length, index) => {
            const position = index === idle ? length - 1 : length;
            return { lane: 1 + index, tokens: [ids[position]!], position, isIdle: index === idle };
          }),
        );
        for (const [index, length] of lengths.entries()) {
          if (index !== idle) expectLogits(logits.row(index), length);
        }
      };
      await decoding(2);
      // The lane that was idle lost nothing, and rows may run again from where they were.
      await decoding(-1);
    });

    it("goes back: a lane runs on from any earlier position", async () => {
      await using runner = await open();
      await runner.step([{ lane: 3, tokens: ids, position: 0 }]);
      for (const position of [8, 2, 5, 1]) {
        const logits = await runner.step([{ lane: 3, tokens: ids.slice(position, 10), position }]);
        expectLogits(logits.row(0), 9);
      }
    });

    it("continues from K/V that was copied out, in, and between lanes", async () => {
      await using runner = await open();
      await runner.step([{ lane: 0, tokens: ids.slice(0, last), position: 0 }]);
      const { memory } = runner;

      memory.copyLane(0, 5, 6);
      const moved = await runner.step([{ lane: 5, tokens: ids.slice(6), position: 6 }]);
      expectLogits(moved.row(0), last);

      const head = memory.read(0, 0, 6);
      const tail = memory.read(0, 4, last);
      expect(head.bytes.byteLength).toBe(6 * memory.bytesPerToken);
      await runner.step([{ lane: 3, tokens: [1, 2, 3, 4, 5, 6, 7], position: 0 }]);
      memory.write(3, 0, head, 0, 6);
      memory.write(3, 6, tail, 2, last - 4);
      const stored = await runner.step([{ lane: 3, tokens: ids.slice(last), position: last }]);
      expectLogits(stored.row(0), last);
      // What was copied is the copier's: the source still runs on.
      const source = await runner.step([{ lane: 0, tokens: ids.slice(last), position: last }]);
      expectLogits(source.row(0), last);
    });

    it("stays right over many steps while garbage is collected", async () => {
      await using runner = await open();
      for (let round = 0; round < 60; round++) {
        const pressure = Array.from({ length: 50 }, () => new Float32Array(2000));
        const lane = round % 6;
        const width = 1 + (round % (last - 1));
        await runner.step([{ lane, tokens: ids.slice(0, width), position: 0 }]);
        await runner.step([{ lane, tokens: ids.slice(width, last), position: width }]);
        expectLogits((await runner.step([{ lane, tokens: [ids[last]!], position: last }])).row(0), last);
        expect(pressure).toHaveLength(50);
      }
    });

    it("fills its lanes to the last token", async () => {
      await using runner = await open();
      const token = ids[0]!;
      for (let position = 0; position < runnerSize.capacity; position += 32) {
        await runner.step([{ lane: 5, tokens: Array<number>(32).fill(token), position }]);
      }
      const again = await runner.step([{ lane: 5, tokens: [token], position: runnerSize.capacity - 1 }]);
      expect(again.row(0).every(Number.isFinite)).toBe(true);
    });

    it.each([
      ["an empty batch", [], /empty/],
      ["a lane beyond the last", [{ lane: 6, tokens: [1], position: 0 }], /lane 6/],
      ["a lane before the first", [{ lane: -1, tokens: [1], position: 0 }], /lane -1/],
      ["a row beyond the capacity", [{ lane: 0, tokens: [1], position: 96 }], /96 tokens, not 97/],
      ["a negative position", [{ lane: 0, tokens: [1], position: -1 }], /96 tokens/],
      ["a row without tokens", [{ lane: 0, tokens: [], position: 0 }], /no tokens/],
      ["a row that is too long", [{ lane: 0, tokens: Array<number>(33).fill(1), position: 0 }], /at most 32/],
      ["gaps", [0, 2].map((lane) => ({ lane, tokens: [1], position: 0 })), /consecutive/],
      ["two long rows", [0, 1].map((lane) => ({ lane, tokens: [1, 2], position: 0 })), /single row/],
    ])("refuses %s", async (_, batch, message) => {
      await using runner = await open();
      await expect(runner.step(batch)).rejects.toThrow(message);
    });

    it("refuses logits that the pass does not have, and tokens that the model does not know", async () => {
      await using runner = await open();
      const logits = await runner.step([{ lane: 0, tokens: [1, 2], position: 0 }]);
      expect(() => logits.row(1)).toThrow(/row 1/);
      expect(() => logits.row(0, 2)).toThrow(/token 2/);
      const unknown = runner.step([{ lane: 0, tokens: [runner.vocabularySize], position: 0 }]);
      await expect(unknown).rejects.toThrow(`token ${runner.vocabularySize} is not one of`);
    });

    it("refuses to run twice at once, and after it was closed", async () => {
      const runner = await open();
      const row = [{ lane: 0, tokens: [1], position: 0 }];
      const running = runner.step(row);
      await expect(runner.step(row)).rejects.toThrow(/running already/);
      await running;
      await runner[Symbol.asyncDispose]();
      await expect(runner.step(row)).rejects.toThrow(/closed/);
    });
  });
}
