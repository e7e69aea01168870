import { describe, expect, it } from "vitest";
import { cells } from "../support/cells.ts";

/** Counts how often a step function is asked. */
function stepsAt(...borders: number[]) {
  let asked = 0;
  const at = (u: number): Promise<number> => {
    asked++;
    return Promise.resolve(borders.filter((border) => border <= u).length);
  };
  return { at, asked: () => asked };
}

const keyOf = (value: number): number => value;

describe("the cells of a uniform", () => {
  for (const { name, near } of [
    { name: "none looked for before", near: [] },
    { name: "looked for at the right places", near: [1e-7, 0.3] },
    { name: "looked for at wrong places", near: [1e-3, 0.3 + 1e-9, 0.7] },
    { name: "looked for beyond the ends", near: [0, 1] },
  ]) {
    it(`are as wide as they are, ${name}`, async () => {
      const found = await cells(stepsAt(1e-7, 0.3).at, keyOf, near);
      expect(found.map(({ value }) => value)).toEqual([0, 1, 2]);
      for (const [index, width] of [1e-7, 0.3 - 1e-7, 0.7].entries())
        expect(Math.abs(found[index]!.width - width)).toBeLessThan(1e-14);
    });
  }

  it("hold the uniform they name", async () => {
    const { at } = stepsAt(0.2, 0.5);
    for (const cell of await cells(at, keyOf)) expect(await at(cell.at)).toBe(cell.value);
  });

  it("are known at once where they were found before", async () => {
    const near: number[] = [];
    const first = stepsAt(0.2, 0.5);
    await cells(first.at, keyOf, near);
    const again = stepsAt(0.2, 0.5);
    await cells(again.at, keyOf, near);
    expect(first.asked()).toBeGreaterThan(90);
    expect(again.asked()).toBe(6);
  });
});
