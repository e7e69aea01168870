import { describe, expect, it } from "vitest";
import type { TestOptions } from "vitest";
import type { ModelRunner } from "../../src/engine/local/runner.ts";
import type { TokenIds } from "../../src/core/tokens.ts";
import { measure } from "../../src/sampling/measure.ts";

export interface RunnerSubject {
  /** 6 lanes of 96 tokens, rows of at most 32, or of one where the shape of a pass is fixed. */
  readonly open: () => Promise<ModelRunner>;
  /** At least 12. */
  readonly ids: TokenIds;
  /** Logits after `ids[..index]`, computed elsewhere and without a cache. */
  readonly logitsAfter: (index: number) => Float32Array;
  /** Largest difference that rounding explains. */
  readonly tolerance: number;
}

export const runnerSize = { lanes: 6, capacity: 96, maxRowTokens: 32 } as const;

/** What every model runner owes the scheduler, whatever its limits. */
export function testRunner(
  name: string,
  { open, ids, logitsAfter, tolerance }: RunnerSubject,
  options: TestOptions = {},
): void {
  const last = ids.length - 1;
  const { capacity } = runnerSize;
  const expectLogits = (actual: Float32Array, index: number): void => {
    const expected = logitsAfter(index);
    expect(actual.length).toBe(expected.length);
    const difference = Math.max(...expected.map((value, id) => Math.abs(value - actual[id]!)));
    expect(difference).toBeLessThan(tolerance);
  };

  /** Feeds tokens to a lane, in rows as long as may be. @returns the logits after each, copied */
  const feed = async (
    runner: ModelRunner,
    lane: number,
    position: number,
    tokens: TokenIds,
  ): Promise<Float32Array[]> => {
    const { maxRowTokens, maxRowLogits } = runner.limits;
    const logits: Float32Array[] = [];
    for (let start = 0; start < tokens.length; start += Math.min(maxRowTokens, maxRowLogits)) {
      const row = tokens.slice(start, start + Math.min(maxRowTokens, maxRowLogits));
      const view = await runner.step([{ lane, tokens: row, position: position + start, measuredFrom: 0 }]);
      logits.push(...row.map((_, index) => view.row(0, index).slice()));
    }
    return logits;
  };

  /** Feeds `ids[from..to)` to a lane and compares what comes of them. */
  const expectRun = async (runner: ModelRunner, lane: number, from: number, to: number): Promise<void> => {
    const logits = await feed(runner, lane, from, ids.slice(from, to));
    for (const [index, actual] of logits.entries()) expectLogits(actual, from + index);
  };

  describe(name, options, () => {
    it("agrees with the reference in one go, step by step and in chunks", async () => {
      await using runner = await open();
      await expectRun(runner, 2, 0, ids.length);
      for (const position of ids.keys()) await expectRun(runner, 4, position, position + 1);
      await expectRun(runner, 0, 0, 7);
      await expectRun(runner, 0, 7, ids.length);
      const again = await runner.step([{ lane: 0, tokens: ids.slice(last), position: last }]);
      expect([...again.row(0)]).toEqual([...again.row(0, 0)]);
    });

    it("has the logits that a row is measured for, and its last ones in any case", async () => {
      await using runner = await open();
      const count = Math.min(8, runner.limits.maxRowTokens);
      const tokens = ids.slice(0, count);
      for (const measuredFrom of [undefined, count - 1, count >> 1, 0]) {
        const measured = measuredFrom === undefined ? {} : { measuredFrom, inverseTemperature: 4 };
        const view = await runner.step([{ lane: 1, tokens, position: 0, ...measured }]);
        for (let index = measuredFrom ?? count - 1; index < count; index++) {
          expectLogits(view.row(0, index), index);
          const { logSum } = view.distribution(0, index, 4);
          expect(Math.abs(logSum - measure(logitsAfter(index), 4).logSum)).toBeLessThan(tolerance);
        }
        expectLogits(view.row(0), count - 1);
      }
    });

    it("decodes any lanes in any order, and those that take no part lose nothing", async () => {
      await using runner = await open();
      // Lane 3 holds nothing for a while.
      const lengths = [1, last, 5, 0, 3, 8];
      for (const [lane, length] of lengths.entries()) await feed(runner, lane, 0, ids.slice(0, length));
      const passes = [
        [5],
        [4, 1],
        [0, 2, 5],
        [5, 0],
        [0, 5],
        [2, 4, 0, 1],
        [3, 0],
        [5, 4, 3, 2, 1, 0],
        [3],
        [1, 5, 3],
      ];
      for (const lanes of [...passes, ...passes, ...passes]) {
        // A lane that is through goes on from its middle.
        for (const lane of lanes) if (lengths[lane]! > last) lengths[lane] = 4;
        const rows = lanes.map((lane) => ({
          lane,
          tokens: [ids[lengths[lane]!]!],
          position: lengths[lane]!,
        }));
        const logits = await runner.step(rows);
        for (const [row, lane] of lanes.entries()) expectLogits(logits.row(row), lengths[lane]!++);
        expect(lengths.map((_, lane) => runner.memory.length(lane))).toEqual(lengths);
      }
    });

    it("leaves a full lane as it is while others are run", async () => {
      await using runner = await open();
      const { memory } = runner;
      const tokens = Array.from({ length: capacity }, (_, index) => ids[index % ids.length]!);
      for (let start = 0; start < capacity; start += 32) {
        await feed(runner, 2, start, tokens.slice(start, start + 32));
      }
      const before = memory.read(2, 0, capacity);
      for (const lane of [0, 5]) await feed(runner, lane, 0, ids.slice(0, 3));
      for (let position = 3; position < last; position++) {
        const rows = [5, 0].map((lane) => ({ lane, tokens: [ids[position]!], position }));
        const logits = await runner.step(rows);
        for (const row of rows.keys()) expectLogits(logits.row(row), position);
        expect(Buffer.compare(memory.read(2, 0, capacity).bytes, before.bytes)).toBe(0);
      }
      const again = await runner.step([{ lane: 2, tokens: tokens.slice(-1), position: capacity - 1 }]);
      expect(again.row(0).every(Number.isFinite)).toBe(true);
    });

    it("runs rows of any lengths together, where its limits allow it", async () => {
      await using runner = await open();
      const { limits } = runner;
      await feed(runner, 1, 0, ids.slice(0, 4));
      await feed(runner, 4, 0, ids.slice(0, last));
      const batch = [
        { lane: 4, tokens: ids.slice(last), position: last },
        { lane: 0, tokens: ids.slice(0, 5), position: 0, measuredFrom: 0 },
        { lane: 1, tokens: ids.slice(4, 7), position: 4, measuredFrom: 0 },
        { lane: 3, tokens: ids.slice(0, 1), position: 0 },
      ];
      if (limits.maxRowTokens < 5 || limits.longRows !== "any") {
        await expect(runner.step(batch)).rejects.toThrow(/pass to themselves|cannot share a pass|at most/);
        return;
      }
      const logits = await runner.step(batch);
      for (const [row, { position, tokens }] of batch.entries()) {
        for (const index of tokens.keys()) expectLogits(logits.row(row, index), position + index);
        expectLogits(logits.row(row), position + tokens.length - 1);
      }
      expect(() => logits.row(2, 3)).toThrow(/token 3 of row 2/);
      for (const [lane, length] of [5, 7, 0, 1].entries()) {
        expect(runner.memory.length(lane)).toBe(length);
        await expectRun(runner, lane, length, ids.length);
      }
      const whole = [0, 1, 2, 3, 4, 5].map((lane) => ({
        lane,
        tokens: Array<number>(32).fill(1),
        position: 0,
      }));
      const most = whole.slice(0, Math.floor(limits.maxTokens / 32));
      await runner.step(most);
      if (most.length < whole.length) {
        await expect(runner.step(whole)).rejects.toThrow(`at most ${limits.maxTokens} tokens, not 192`);
      }
    });

    it("runs rows from their first token on together, where its limits allow it", async () => {
      await using runner = await open();
      const { limits, memory } = runner;
      if (limits.maxRowTokens < 5 || limits.longRows === "alone") return;
      const held = [5, last, 3, 0, 4, 2];
      for (const [lane, length] of held.entries()) await feed(runner, lane, 0, ids.slice(0, length));
      const { bytes } = memory.read(1, 0, last);
      for (const rows of [
        [[3, 5]],
        [
          [5, 4],
          [0, 4],
        ],
        [
          [4, 3],
          [2, 5, 2],
          [3, 1],
          [0, 4, 3],
        ],
        [
          [2, 1],
          [4, 2, 0],
          [0, 5],
        ],
      ] as const) {
        const batch = rows.map(([lane, length, measuredFrom]) => ({
          lane,
          tokens: ids.slice(0, length),
          position: 0,
          ...(measuredFrom === undefined ? {} : { measuredFrom, inverseTemperature: 4 }),
        }));
        const logits = await runner.step(batch);
        for (const [row, { lane, tokens, measuredFrom = tokens.length - 1 }] of batch.entries()) {
          held[lane] = tokens.length;
          for (let index = measuredFrom; index < tokens.length; index++) {
            expectLogits(logits.row(row, index), index);
            const { logSum } = logits.distribution(row, index, 4);
            expect(Math.abs(logSum - measure(logitsAfter(index), 4).logSum)).toBeLessThan(tolerance);
          }
          expectLogits(logits.row(row), tokens.length - 1);
          expect(() => logits.row(row, tokens.length)).toThrow(/no logits/);
        }
        expect(held.map((_, lane) => memory.length(lane))).toEqual(held);
        expect(Buffer.compare(memory.read(1, 0, last).bytes, bytes)).toBe(0);
      }
      // What each wrote is what it goes on from, with others and alone.
      const next = held.map((position, lane) => ({ lane, tokens: [ids[position]!], position }));
      const decoded = await runner.step(next);
      for (const [row, { position }] of next.entries()) expectLogits(decoded.row(row), position);
      for (const lane of [0, 2, 3, 4, 5]) await expectRun(runner, lane, held[lane]! + 1, ids.length);
    });

    it("goes back: a lane runs on from any earlier position", async () => {
      await using runner = await open();
      await feed(runner, 3, 0, ids);
      for (const position of [8, 2, 5, 1]) await expectRun(runner, 3, position, 10);
    });

    it("truncates a lane, which holds nothing beyond then, and goes on from there", async () => {
      await using runner = await open();
      const { memory } = runner;
      for (const lane of [0, 2]) await feed(runner, lane, 0, ids);
      const bytes = memory.read(0, 0, 5).bytes;
      memory.truncate(0, 5);
      expect(memory.length(0)).toBe(5);
      expect(() => memory.read(0, 4, 6)).toThrow("lane 0 holds 5 tokens, not 6");
      expect(() => {
        memory.truncate(0, 6);
      }).toThrow("lane 0 holds 5 tokens, not 6");
      expect(() => {
        memory.copyLane(0, 1, 6);
      }).toThrow("lane 0 holds 5 tokens, not 6");
      await expect(runner.step([{ lane: 0, tokens: [1], position: 6 }])).rejects.toThrow("holds 5 tokens");
      // The lanes beside it go on, and it keeps what it holds.
      const lanes = [{ lane: 2, tokens: ids.slice(last), position: last }];
      expectLogits((await runner.step(lanes)).row(0), last);
      expect(Buffer.compare(memory.read(0, 0, 5).bytes, bytes)).toBe(0);
      await feed(runner, 0, 5, [ids[6]!, ids[5]!]);
      memory.truncate(0, 6);
      memory.truncate(0, 5);
      await expectRun(runner, 0, 5, ids.length);
      memory.truncate(0, 0);
      await expectRun(runner, 0, 0, 3);
    });

    it("continues from K/V that was copied out, in, and between lanes", async () => {
      await using runner = await open();
      await feed(runner, 0, 0, ids.slice(0, last));
      const { memory } = runner;

      memory.copyLane(0, 5, 6);
      expect(memory.length(5)).toBe(6);
      await expectRun(runner, 5, 6, ids.length);

      const head = memory.read(0, 0, 6);
      const tail = memory.read(0, 4, last);
      expect(head.bytes.byteLength).toBe(6 * memory.bytesPerToken);
      await feed(runner, 3, 0, [1, 2, 3, 4, 5, 6, 7]);
      memory.write(3, 0, { slice: head, from: 0, to: 6 });
      // What the lane held beyond stays, and is written over.
      expect(memory.length(3)).toBe(7);
      memory.write(3, 6, { slice: tail, from: 2, to: last - 4 });
      expect(memory.length(3)).toBe(last);
      await expectRun(runner, 3, last, ids.length);
      // What was copied is the copier's: the source still runs on.
      await expectRun(runner, 0, last, ids.length);
      expect(() => {
        memory.write(1, 1, { slice: head, from: 1, to: 2 });
      }).toThrow("lane 1 holds 0 tokens, not 1");
    });

    it("stays right over many steps while garbage is collected", async () => {
      await using runner = await open();
      for (let round = 0; round < 60; round++) {
        const pressure = Array.from({ length: 50 }, () => new Float32Array(2000));
        const lane = round % 6;
        const width = 1 + (round % (last - 1));
        await feed(runner, lane, 0, ids.slice(0, width));
        await feed(runner, lane, width, ids.slice(width, last));
        await expectRun(runner, lane, last, ids.length);
        expect(pressure).toHaveLength(50);
      }
    });

    it.each([
      ["an empty batch", [], /empty/],
      ["a lane beyond the last", [{ lane: 6, tokens: [1], position: 0 }], /lane 6/],
      ["a lane before the first", [{ lane: -1, tokens: [1], position: 0 }], /lane -1/],
      ["a row beyond the capacity", [{ lane: 0, tokens: [1], position: 96 }], /96 tokens, not 97/],
      ["a row beyond what its lane holds", [{ lane: 0, tokens: [1], position: 1 }], /holds 0 tokens, not 1/],
      ["a negative position", [{ lane: 0, tokens: [1], position: -1 }], /96 tokens/],
      ["a row without tokens", [{ lane: 0, tokens: [], position: 0 }], /no tokens/],
      [
        "two rows of a lane",
        [0, 1, 0].map((lane) => ({ lane, tokens: [1], position: 0 })),
        /lane 0 has two rows/,
      ],
    ])("refuses %s", async (_, batch, message) => {
      await using runner = await open();
      await expect(runner.step(batch)).rejects.toThrow(message);
    });

    it("refuses rows that are too long, alone too", async () => {
      await using runner = await open();
      const { maxRowTokens, maxTokens, maxLogits, longRows } = runner.limits;
      const tooLong = [{ lane: 0, tokens: Array<number>(maxRowTokens + 1).fill(1), position: 0 }];
      await expect(runner.step(tooLong)).rejects.toThrow(`at most ${maxRowTokens} tokens`);
      if (maxRowTokens === 1 || longRows === "any") return;
      const beside = [[1, 2], [1]].map((tokens, lane) => ({ lane, tokens, position: 0 }));
      if (longRows === "alone") {
        await expect(runner.step(beside)).rejects.toThrow(
          "the 2 tokens of lane 0 must have the pass to themselves",
        );
        return;
      }
      await feed(runner, 1, 0, [1]);
      const [first, second] = beside;
      await expect(runner.step([first!, { ...second!, position: 1 }])).rejects.toThrow(
        "the 2 tokens of lane 0 cannot share a pass with lane 1, which goes on from 1",
      );
      // Each counts for as much as the longest, and as the one with most logits.
      const lengths = [maxRowTokens, ...Array<number>(Math.floor(maxTokens / maxRowTokens)).fill(1)];
      const padded = lengths.map((length, lane) => ({
        lane,
        tokens: Array<number>(length).fill(1),
        position: 0,
      }));
      await expect(runner.step(padded)).rejects.toThrow(`at most ${maxTokens} tokens`);
      const measured = Array.from({ length: runner.memory.lanes }, (_, lane) => {
        const tokens = Array<number>(1 + Math.floor(maxLogits / runner.memory.lanes)).fill(1);
        return { lane, tokens, position: 0, ...(lane === 0 ? { measuredFrom: 0 } : {}) };
      });
      await expect(runner.step(measured)).rejects.toThrow(/at most/);
    });

    it("refuses logits that the pass does not have, and tokens that the model does not know", async () => {
      await using runner = await open();
      const logits = await runner.step([{ lane: 0, tokens: [1], position: 0 }]);
      expect(() => logits.row(1)).toThrow(/row 1/);
      expect(() => logits.row(0, 1)).toThrow(/token 1/);
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
