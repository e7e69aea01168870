import { expect, it } from "vitest";
import { describeFolder } from "../../../src/decoder/model-folder.ts";
import { readContents } from "../../../src/decoder/folder-contents.ts";

const root = new URL("../../../models/abacus", import.meta.url).pathname;

it.each([
  [{ example_prompts: ["1+1=", ""] }, /generation_config\.json .*metropolis\.example_prompts\[1\]/s],
  [{ example_prompts: "1+1=" }, /metropolis\.example_prompts/],
  [{ description: 5 }, /metropolis\.description/],
  [{ descripton: "a typo" }, /descripton/],
])(
  "a model's own words are refused by file and field where they are none: %j",
  async (metropolis, message) => {
    const contents = await readContents(root);
    const own = { ...contents, "generation_config.json": Buffer.from(JSON.stringify({ metropolis })) };
    expect(() => describeFolder({ root, contents: own })).toThrow(message);
  },
);
