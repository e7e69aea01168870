import type { Batch } from "../../../../src/engine/local/runner.ts";
import { describe, expect, it } from "vitest";
import { toHalf } from "../../../../bench/half-precision.ts";
import type { Distribution } from "../../../../src/sampling/distribution.ts";
import { drawToken } from "../../../../src/sampling/draw.ts";
import { measure } from "../../../../src/sampling/measure.ts";
import { selfCertaintyOf, sumLogits } from "../../../../src/sampling/self-certainty.ts";
import { uniform } from "../../../../src/core/random.ts";
import type { FloatType } from "../../../../src/engine/onnx/graphs/decoder-graph.ts";
import { Logits } from "../../../../src/engine/onnx/logits/logits.ts";
import { HostLogitsMemory } from "../../../../src/engine/onnx/logits/logits-memory.ts";
import { RowMeasurer } from "../../../../src/engine/onnx/logits/row-measurer.ts";

const rows = 20;

/** Sums of four uniforms; every eighth logit is rounded, so that there are ties among the likeliest, too. */
function randomLogits(size: number, seed: number, spread = 10): Float32Array {
  let state = seed * 2654435761;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length: size }, (_, id) => {
    const logit = spread * (next() + next() + next() + next() - 2);
    return id % 8 === 0 ? Math.round(logit) : logit;
  });
}

class Subject implements Disposable {
  readonly measurer: RowMeasurer;
  readonly #memory: HostLogitsMemory;

  constructor(vocabularySize: number, logitsType: FloatType = "float32") {
    this.#memory = new HostLogitsMemory({ logitsType, vocabularySize, tokens: rows });
    this.measurer = new RowMeasurer(this.#memory, { threads: 1 });
  }

  write(row: number, logits: Float32Array): void {
    using tensor = this.#memory.tensor(row, [1, logits.length]);
    if (tensor.type === "float32") tensor.asFloat32().set(logits);
    else tensor.asUint16().set(Uint16Array.from(logits, toHalf));
  }

  read(row: number, inverseTemperature: number): Distribution | undefined {
    return this.measurer.distribution(row, inverseTemperature, () => this.#memory.read(row));
  }

  [Symbol.dispose](): void {
    this.measurer[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }
}

/** Selected from at once, and by way of blocks, with and without padding. */
const large = [3000, 100_003, 152_064];

const temperatures = [0.5, 1, 1 / 0.7, 4];

function expectAgreement(
  actual: Distribution | undefined,
  logits: Float32Array,
  inverseTemperature: number,
): void {
  const expected = measure(logits, inverseTemperature);
  expect(Math.abs(actual!.logSum - expected.logSum)).toBeLessThan(2e-6);
  expect(Math.abs(actual!.logNormalizer - expected.logNormalizer)).toBeLessThan(5e-6);
  expect(Math.abs(actual!.entropy - expected.entropy)).toBeLessThan(1e-5);
  expect([...actual!.top.ids]).toEqual([...expected.top.ids]);
  for (const [rank, id] of actual!.top.ids.entries()) {
    expect(actual!.top.logprobs[rank]).toBe(logits[id]! - actual!.logSum);
  }
  if (inverseTemperature === 1) expect(actual!.logNormalizer).toBe(0);
  if (inverseTemperature >= 1) expect(actual!.logNormalizer).toBeLessThanOrEqual(0);
}

/** Rows of which all tokens have logits. */
const whole = (rows: Batch) => {
  let end = 0;
  const spans = rows.map(({ tokens }) => ({ place: (end += tokens.length) - tokens.length, first: 0 }));
  return { rows, spans };
};

describe("rows measured by a graph", () => {
  it.each([18, 1000, 4099, 32_000, 100_003, 152_064])(
    "agree with the oracle, vocabulary %i",
    async (size) => {
      using subject = new Subject(size);
      const logits = temperatures.map((_, row) => randomLogits(size, row + 1));
      for (const [row, values] of logits.entries()) subject.write(row, values);
      await subject.measurer.measure(0, temperatures);
      for (const [row, inverseTemperature] of temperatures.entries()) {
        expectAgreement(subject.read(row, inverseTemperature), logits[row]!, inverseTemperature);
      }
    },
  );

  it("are the same to the last bit at 1/τ = 1, beside tempered ones and by themselves", async () => {
    using subject = new Subject(32_000);
    for (const row of [0, 1]) subject.write(row, randomLogits(32_000, row + 1));
    const read = () => ({ ...subject.read(0, 1), readLogits: undefined });
    await subject.measurer.measure(0, [1, 4]);
    const beside = read();
    subject.measurer.forget();
    await subject.measurer.measure(0, [1]);
    expect(read()).toEqual(beside);
    expect(subject.read(1, 4)).toBeUndefined();
  });

  it("agree with the oracle in half precision", async () => {
    using subject = new Subject(1000, "float16");
    const halves = temperatures.map((_, row) =>
      randomLogits(1000, row).map((logit) => Math.round(logit * 64) / 64 + 0),
    );
    for (const [row, values] of halves.entries()) subject.write(row, values);
    await subject.measurer.measure(0, temperatures);
    for (const [row, inverseTemperature] of temperatures.entries()) {
      expectAgreement(subject.read(row, inverseTemperature), halves[row]!, inverseTemperature);
    }
  });

  it.each(large)(
    "are right with forbidden tokens, with one token left, and when all are alike, vocabulary %i",
    async (size) => {
      using subject = new Subject(size);
      const forbidden = randomLogits(size, 1).map((logit, id) => (id % 3 === 0 ? -Infinity : logit));
      const single = new Float32Array(size).fill(-Infinity);
      single[1234] = 7;
      const flat = new Float32Array(size).fill(-3);
      const far = Float32Array.from({ length: size }, (_, id) => (id === 5 ? 30_000 : -30_000));
      for (const [row, values] of [forbidden, single, flat, far].entries()) subject.write(row, values);
      await subject.measurer.measure(0, temperatures);
      for (const [row, values] of [forbidden, single, flat, far].entries()) {
        expectAgreement(subject.read(row, temperatures[row]!), values, temperatures[row]!);
      }
      expect(subject.read(1, 1)).toMatchObject({ entropy: 0, logSum: 7 });
    },
  );

  it("give their bits to each row whatever stands beside it, and in runs of any length", async () => {
    using subject = new Subject(5000);
    const logits = randomLogits(5000, 9);
    const bitsAt = async (row: number, first: number, count: number): Promise<unknown> => {
      for (let other = 0; other < rows; other++) subject.write(other, randomLogits(5000, other + first, 3));
      subject.write(row, logits);
      await subject.measurer.measure(first, Array<number>(count).fill(4));
      const { logSum, logNormalizer, entropy, top } = subject.read(row, 4)!;
      return [logSum, logNormalizer, entropy, ...top.logprobs, ...top.ids];
    };
    const alone = await bitsAt(0, 0, 1);
    for (const [row, first, count] of [
      [3, 3, 1],
      [2, 0, 3],
      [15, 0, 16],
      [19, 0, 20],
      [17, 1, 19],
    ] as const) {
      expect(await bitsAt(row, first, count)).toEqual(alone);
    }
  });

  it.each(large)(
    "leave what is not a number to a closer look, that row alone, vocabulary %i",
    async (size) => {
      using subject = new Subject(size);
      for (let row = 0; row < 5; row++) subject.write(row, randomLogits(size, row));
      for (const [row, bad] of [NaN, Infinity].entries()) {
        const logits = randomLogits(size, row);
        logits[1777] = bad;
        subject.write(row, logits);
      }
      subject.write(2, new Float32Array(size).fill(-Infinity));
      await subject.measurer.measure(0, [4, 4, 4, 4, 4]);
      for (const row of [0, 1, 2]) expect(subject.read(row, 4)).toBeUndefined();
      for (const row of [3, 4]) expectAgreement(subject.read(row, 4), randomLogits(size, row), 4);
    },
  );

  it.each([18, 1000, 4099, 152_064])("have the self-certainty of the oracle, vocabulary %i", async (size) => {
    for (const type of ["float32", "float16"] as const) {
      using subject = new Subject(size, type);
      const logits = [1, 2, 3, 4].map((row) =>
        randomLogits(size, row).map((logit, id) =>
          row === 4 && id % 3 === 0 ? -Infinity : Math.round(logit * 64) / 64 + 0,
        ),
      );
      for (const [row, values] of logits.entries()) subject.write(row, values);
      await subject.measurer.measure(0, temperatures);
      await subject.measurer.sum(1, 3);
      expect(subject.read(0, temperatures[0]!)!.logitSums).toBeUndefined();
      for (const row of [1, 2, 3]) {
        const measured = subject.read(row, temperatures[row]!)!;
        expect(measured.logitSums!.count).toBe(logits[row]!.filter((logit) => logit > -Infinity).length);
        const expected = selfCertaintyOf(measure(logits[row]!, 1));
        expect(Math.abs(selfCertaintyOf(measured) - expected)).toBeLessThan(1e-5);
      }
      subject.measurer.forget();
      await subject.measurer.measure(0, temperatures);
      expect(subject.read(1, temperatures[1]!)!.logitSums).toBeUndefined();
    }
  });

  it("answer only for what was measured last", async () => {
    using subject = new Subject(3000);
    await subject.measurer.measure(1, [4, 1]);
    expect(subject.read(0, 4)).toBeUndefined();
    expect(subject.read(1, 1)).toBeUndefined();
    expect(subject.read(1, 4)).toBeDefined();
    await subject.measurer.measure(2, [4]);
    expect(subject.read(1, 4)).toBeDefined();
    expect(subject.read(2, 4)).toBeDefined();
    subject.measurer.forget();
    await subject.measurer.measure(2, [4]);
    expect(subject.read(1, 4)).toBeUndefined();
    expect(subject.read(2, 4)).toBeDefined();
  });

  it("draw the oracle's tokens, in the tail too, but within rounding of a border", async () => {
    using subject = new Subject(4000);
    let tails = 0;
    for (const [seed, spread] of [2, 4, 8].entries()) {
      const logits = randomLogits(4000, seed, spread);
      subject.write(0, logits);
      await subject.measurer.measure(0, [1 / 0.7]);
      const sampling = { inverseTemperature: 1 / 0.7 };
      const [oracle, measured] = [measure(logits, 1 / 0.7), subject.read(0, 1 / 0.7)!];
      for (let position = 0; position < 60; position++) {
        const u = uniform({ seed, choice: 0, stage: 0, step: 0 }, "token", position);
        const request = { sampling, u, topCount: 0, sequence: [] };
        const expected = drawToken(oracle, request);
        const nearby = [u - 1e-6, u + 1e-6].map((other) => drawToken(oracle, { ...request, u: other }).token);
        const drawn = drawToken(measured, request);
        if (nearby.every((token) => token === expected.token)) expect(drawn.token).toBe(expected.token);
        expect(nearby.concat(expected.token)).toContain(drawn.token);
        if (!measured.top.ids.includes(drawn.token)) tails++;
      }
    }
    expect(tails).toBeGreaterThan(50);
  });
});

describe("the logits of a pass", () => {
  it.each(["float32", "float16"] as const)("are measured as the batch asks, %s", async (type) => {
    const size = 3000;
    const memory = new HostLogitsMemory({ logitsType: type, tokens: 6, vocabularySize: size });
    using logits = new Logits(memory, { threads: 1 });
    using tensor = memory.tensor(0, [1, 6, size]);
    const values = randomLogits(6 * size, 3).map((logit) => Math.round(logit * 64) / 64 + 0);
    if (type === "float32") tensor.asFloat32().set(values);
    else tensor.asUint16().set(Uint16Array.from(values, toHalf));
    const tokens = [1, 2, 3, 4, 5, 6];
    const row = { lane: 0, tokens, position: 0, measuredFrom: 4, inverseTemperature: 4 };
    await logits.measure(whole([row]));
    const view = logits.view(whole([row]));
    // Token 4 was measured ahead, token 2 was not: both answer.
    for (const index of [2, 4, 5]) {
      expectAgreement(view.distribution(0, index, 4), values.slice(index * size, (index + 1) * size), 4);
    }
    expect(view.distribution(0, 5, 4).readLogits()).toEqual(values.slice(5 * size));
    expect(() => view.distribution(0, 6, 4)).toThrow(/token 6/);
    values.fill(NaN, size, size + 1);
    if (type === "float32") tensor.asFloat32().set(values);
    else tensor.asUint16().set(Uint16Array.from(values, toHalf));
    const batch = [0, 1].map((lane) => ({
      lane,
      tokens: [1],
      position: 0,
      measuredFrom: 0,
      inverseTemperature: 4,
    }));
    await logits.measure(whole(batch));
    const rowsView = logits.view(whole(batch));
    expectAgreement(rowsView.distribution(0, 0, 4), values.slice(0, size), 4);
    expect(() => rowsView.distribution(1, 0, 4)).toThrow(
      expect.objectContaining({ code: "numerical_error" }) as Error,
    );
  });

  it("are measured range by range where rows are of any length, and seen in the order of the batch", async () => {
    const size = 3000;
    const memory = new HostLogitsMemory({ logitsType: "float32", tokens: 9, vocabularySize: size });
    using logits = new Logits(memory, { threads: 1 });
    using tensor = memory.tensor(0, [1, 9, size]);
    const values = randomLogits(9 * size, 4);
    tensor.asFloat32().set(values);
    const expected = (token: number) => values.slice(token * size, (token + 1) * size);
    const rows = [
      { lane: 0, tokens: [1], position: 0, measuredFrom: 0, inverseTemperature: 4 },
      {
        lane: 1,
        tokens: [1, 2, 3, 4],
        position: 0,
        measuredFrom: 2,
        inverseTemperature: 2,
        wantsLogitSums: true,
      },
      { lane: 2, tokens: [1, 2, 3], position: 0 },
      { lane: 3, tokens: [1], position: 0, measuredFrom: 0, inverseTemperature: 0.5, wantsLogitSums: true },
    ];
    await logits.measure(whole(rows));
    const view = logits.view(whole(rows), [3, 1, 0, 2]);
    expectAgreement(view.distribution(0, 0, 0.5), expected(8), 0.5);
    for (const index of [0, 1, 2, 3]) {
      expectAgreement(view.distribution(1, index, 2), expected(1 + index), 2);
    }
    expectAgreement(view.distribution(2, 0, 4), expected(0), 4);
    // Summed for those that want it, and after what was measured: others are not kept waiting.
    expect(view.distribution(2, 0, 4).logitSums).toBeUndefined();
    expect(view.distribution(1, 1, 2).logitSums).toBeUndefined();
    for (const [row, index, token, inverseTemperature] of [
      [0, 0, 8, 0.5],
      [1, 2, 3, 2],
      [1, 3, 4, 2],
    ] as const) {
      const { logitSums } = view.distribution(row, index, inverseTemperature);
      expect(logitSums!.count).toBe(size);
      expect(logitSums!.sum).toBeCloseTo(sumLogits(expected(token)).sum, 2);
    }
    expect(view.row(3)).toEqual(expected(7));
    expect(() => view.row(0, 1)).toThrow(/token 1 of row 0/);
    expect(() => view.row(4)).toThrow(/row 4/);

    // The next pass asks for nothing: what was measured is not taken for its logits.
    tensor.asFloat32().set(expected(5));
    await logits.measure(whole([{ lane: 0, tokens: [1], position: 1 }]));
    expectAgreement(logits.view(whole(rows.slice(0, 1))).distribution(0, 0, 4), expected(5), 4);
  });
});
