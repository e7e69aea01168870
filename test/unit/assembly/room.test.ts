import { describe, expect, it } from "vitest";
import { fitCache, cacheBudget, mib } from "../../../src/assembly/memory.ts";
import {
  checkWeights,
  chooseSize,
  choosePrefillChunk,
  chooseStoreMib,
  chooseThreads,
  describeStores,
} from "../../../src/assembly/room.ts";

const gib = 1024 ** 3;
const container = { cores: 1, cpuQuota: undefined, memoryBytes: gib };
const small = { cores: 2, cpuQuota: undefined, memoryBytes: 24 * gib };
const large = { cores: 16, cpuQuota: undefined, memoryBytes: 128 * gib };

const embedded = {
  fileBytes: 1.3 * mib,
  bytesPerToken: 2304,
  maxPositions: 256,
  cacheDevice: "cpu",
} as const;
/** SmolLM2-135M. */
const smol = { fileBytes: 83 * mib, bytesPerToken: 46_080, maxPositions: 8192, cacheDevice: "cpu" } as const;
/** 7B in 4 bits without grouped queries, 128k of context. */
const seven = {
  fileBytes: 4 * gib,
  bytesPerToken: 512 * 1024,
  maxPositions: 131_072,
  cacheDevice: "cpu",
} as const;

const open = { lanes: undefined, context: undefined };

describe("chooseThreads", () => {
  const unasked = { threads: undefined, device: "cpu" } as const;

  it.each([
    ["one core", container, smol.fileBytes, { value: 1, reason: /one core/ }],
    ["two cores", small, smol.fileBytes, { value: 2, reason: /each core/ }],
    ["three cores", { cores: 3, cpuQuota: undefined }, smol.fileBytes, { value: 3, reason: /each core/ }],
    ["16 cores", large, seven.fileBytes, { value: 15, reason: /one of 16 cores is left/ }],
    [
      "64 cores",
      { cores: 64, cpuQuota: undefined },
      seven.fileBytes,
      { value: 16, reason: /64 cores would wait/ },
    ],
    [
      "a quota of 1.5 CPUs",
      { cores: 16, cpuQuota: 1.5 },
      smol.fileBytes,
      { value: 1, reason: /leaves 1.5 CPUs/ },
    ],
    [
      "a quota of half a CPU",
      { cores: 16, cpuQuota: 0.5 },
      smol.fileBytes,
      { value: 1, reason: /leaves 0.5 CPUs/ },
    ],
    [
      "a quota of more than there is",
      { cores: 2, cpuQuota: 8 },
      smol.fileBytes,
      { value: 2, reason: /each core/ },
    ],
    ["a small model", large, embedded.fileBytes, { value: 1, reason: /small model/ }],
  ])("%s", (_, machine, fileBytes, { value, reason }) => {
    const choice = chooseThreads(unasked, fileBytes, machine);
    expect(choice.value).toBe(value);
    expect(choice.reason).toMatch(reason);
  });

  it("takes what is asked for, and one where a device computes", () => {
    expect(chooseThreads({ ...unasked, threads: 7 }, 1, small)).toEqual({ value: 7, reason: "as asked" });
    expect(chooseThreads({ ...unasked, device: "cuda" }, seven.fileBytes, large).value).toBe(1);
  });
});

describe("chooseSize", () => {
  it.each([
    ["the embedded model in a container", embedded, container, { lanes: 16, context: 256 }],
    ["135M in a container", smol, container, { lanes: 4, context: 1605 }],
    ["135M", smol, small, { lanes: 16, context: 8192 }],
    ["7B", seven, small, { lanes: 4, context: 3072 }],
    ["7B on a large machine", seven, large, { lanes: 16, context: 4761 }],
    ["7B where it barely runs", seven, { memoryBytes: 5 * gib }, { lanes: 1, context: 614 }],
    [
      "a model that does not say its context",
      { ...smol, maxPositions: undefined },
      large,
      { lanes: 16, context: 4096 },
    ],
  ])("%s", (_, model, machine, expected) => {
    expect(chooseSize(open, model, machine)).toMatchObject(expected);
  });

  it.each([
    [{ lanes: 64, context: undefined }, small, { lanes: 64, context: 2612 }],
    [{ lanes: 1, context: undefined }, container, { lanes: 1, context: 6423 }],
    [{ lanes: undefined, context: 2048 }, container, { lanes: 3, context: 2048 }],
    [{ lanes: undefined, context: 512 }, small, { lanes: 16, context: 512 }],
    [{ lanes: 12, context: 1024 }, container, { lanes: 12, context: 1024, reason: "as asked" }],
  ])("leaves what is asked for as it is: %j", (asked, machine, expected) => {
    expect(chooseSize(asked, smol, machine)).toMatchObject(expected);
  });

  it.each(
    [embedded, smol, seven].flatMap((model) =>
      [0.5, 1, 6, 24, 128].map((memory) => [model, memory * gib] as const),
    ),
  )("never chooses more than half of what may be taken: %j in %i", (model, memoryBytes) => {
    const budget = cacheBudget(model.fileBytes, memoryBytes);
    const { lanes, context } = chooseSize(open, model, { memoryBytes });
    const { neededBytes } = fitCache(
      { lanes, capacity: context, bytesPerToken: model.bytesPerToken },
      budget,
    );
    // The least that is of use is tried for all that.
    expect(neededBytes <= budget / 2 || (lanes === 1 && context === 128)).toBe(true);
    expect(context).toBeLessThanOrEqual(model.maxPositions);
  });

  it("gives a machine of more memory no less", () => {
    let before = 0;
    for (let memory = 4.25; memory < 300; memory *= 1.1) {
      const { lanes, context } = chooseSize(open, seven, { memoryBytes: memory * gib });
      // A lane more may take a few tokens off each of the others.
      expect(lanes * context).toBeGreaterThanOrEqual(before - lanes);
      before = lanes * context;
    }
  });

  it("says why", () => {
    expect(chooseSize(open, smol, small).reason).toBe("the model's whole context");
    expect(chooseSize(open, smol, container).reason).toBe("as much as 1024 MiB of memory leave room for");
    expect(chooseSize(open, { ...seven, cacheDevice: "cuda" }, container)).toMatchObject({
      ...{ lanes: 16, context: 4096 },
      reason: "if the device has room",
    });
  });

  it("refuses a longer context than the model has", () => {
    expect(() => chooseSize({ lanes: undefined, context: 8193 }, smol, small)).toThrow(/8192 or less/);
  });
});

describe("checkWeights", () => {
  const cpu = { device: "cpu", mapWeights: false } as const;
  const fp32 = 515 * mib;

  it.each([
    [cpu, fp32, gib, /515 MiB, and take 1030 MiB .* has 1024 MiB: use --map-weights, or use a smaller/],
    [cpu, seven.fileBytes, 6 * gib, /use --map-weights/],
    [cpu, seven.fileBytes, 3 * gib, /has 3072 MiB: use a smaller --dtype or model/],
    [{ ...cpu, mapWeights: true }, seven.fileBytes, 3 * gib, /take 4096 MiB .*: use a smaller/],
    [{ ...cpu, device: "cuda" }, seven.fileBytes, 3 * gib, /take 4096 MiB .*: use --map-weights/],
  ] as const)("says what to change: %j, %i bytes in %i", (settings, bytes, memoryBytes, expected) => {
    expect(() => {
      checkWeights(settings, bytes, { memoryBytes });
    }).toThrow(expected);
  });

  it.each([
    [cpu, fp32, 2 * gib],
    [{ ...cpu, mapWeights: true }, fp32, gib],
    [{ ...cpu, device: "cuda" }, seven.fileBytes, 6 * gib],
    [cpu, embedded.fileBytes, gib / 4],
  ] as const)("takes what fits: %j, %i bytes in %i", (settings, bytes, memoryBytes) => {
    checkWeights(settings, bytes, { memoryBytes });
  });
});

describe("choosePrefillChunk", () => {
  it("takes longer chunks where no logits are computed for nothing, and what is asked for", () => {
    const late = { takesLogitTokens: true };
    const whole = { takesLogitTokens: false };
    expect(choosePrefillChunk({ prefillChunk: undefined }, late)).toBe(256);
    expect(choosePrefillChunk({ prefillChunk: undefined }, whole)).toBe(64);
    for (const graph of [late, whole]) expect(choosePrefillChunk({ prefillChunk: 7 }, graph)).toBe(7);
  });
});

describe("chooseStoreMib", () => {
  it("takes a sixteenth of a small machine, and what is asked for", () => {
    expect(
      [128, 24, 4, 2, 1, 0.25].map((memory) => chooseStoreMib(undefined, { memoryBytes: memory * gib })),
    ).toEqual([256, 256, 256, 128, 64, 16]);
    expect(chooseStoreMib(0, container)).toBe(0);
  });

  it("is told of where it is less than usual", () => {
    const unasked = { prefixStoreMib: undefined, memoMib: undefined };
    expect(describeStores(unasked, small)).toEqual([]);
    expect(describeStores(unasked, container)).toEqual([
      "stores: 64 MiB for prefix store and memo (a sixteenth of 1024 MiB)",
    ]);
    expect(describeStores({ ...unasked, memoMib: 10 }, container)).toEqual([
      "stores: 64 MiB for prefix store (a sixteenth of 1024 MiB)",
    ]);
    expect(describeStores({ prefixStoreMib: 1, memoMib: 10 }, container)).toEqual([]);
  });
});
