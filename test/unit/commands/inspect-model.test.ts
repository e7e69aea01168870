import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompleter } from "../../../src/assembly/create-completer.ts";
import { embeddedModel } from "../../../src/assembly/embedded-model.ts";
import { usualEngine } from "../../../src/assembly/engine-settings.ts";
import { inspectModel } from "../../../src/commands/inspect-model.ts";
import { leastMeasuredVocabulary } from "../../../src/engine/onnx/logits/logits.ts";
import { layOutModel } from "../../support/exported-model.ts";
import { randomModel, tinyShape } from "../../support/random-model.ts";
import { localDetails } from "../../../src/engine/health.ts";

const exported = ["builder-llama-fp32", "optimum-llama-fp32"] as const;
/** Its logits are computed where they are asked for, so that serve runs longer chunks of its prompts. */
const late = "late-logits";
const shape = { ...tinyShape, maxPositions: 256, vocabularySize: leastMeasuredVocabulary };

describe("what `models inspect` measures", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "metropolis-inspect-"));
    for (const name of exported) layOutModel(name, join(folder, name));
    layOutModel("builder-llama-fp32", join(folder, late));
    await writeFile(join(folder, late, "model.onnx"), randomModel(shape));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([["abacus", 64], ...exported.map((name) => [name, 64] as const), [late, 256]] as const)(
    "is the passes that serve runs: %s, %i tokens at most",
    async (name, most) => {
      const model = name === "abacus" ? embeddedModel : join(folder, name);
      const room = { lanes: 2, context: undefined, threads: 1 };
      const { measured } = await inspectModel(model, {
        dtype: undefined,
        int4Compute: undefined,
        measure: true,
        ...room,
      });
      if ("problem" in measured) throw new Error(measured.problem);
      const { completer } = await createCompleter({ ...usualEngine, model, ...room });
      await using served = completer;
      const details = localDetails(await served.health());
      const sizes = (passes: readonly { tokens: number }[]): number[] => passes.map(({ tokens }) => tokens);
      expect(sizes(measured.passTimes.prefill).at(-1)).toBe(most);
      expect(sizes(measured.passTimes.prefill)).toEqual(sizes(details!.passTimes.prefill));
    },
  );
});
