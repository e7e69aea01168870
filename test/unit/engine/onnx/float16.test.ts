import { describe, expect, it } from "vitest";
import { widenFloat16 } from "../../../../src/engine/onnx/graphs/float16.ts";

describe("widenFloat16", () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x0001, 2 ** -24],
    [0x83ff, -(1023 / 1024) * 2 ** -14],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e00, NaN],
  ])("reads %i", (bits, value) => {
    const target = new Float32Array(1);
    widenFloat16(Uint16Array.of(bits), target);
    expect(target[0]).toBe(value);
  });
});
