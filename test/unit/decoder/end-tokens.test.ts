import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withinVocabulary } from "../../../src/decoder/end-tokens.ts";
import { readModelFolder } from "../../../src/decoder/model-folder.ts";
import { addedToken, byteTokenizerJson } from "../../support/byte-tokenizer.ts";

interface Files {
  readonly config: object;
  readonly generation?: object;
  readonly tokenizer?: object;
  readonly special?: object;
}

/** Reads a folder of such files. Token 256 is <eos>, 257 <|im_end|>, 65 an ordinary A. */
async function read({ config, generation, tokenizer, special }: Files) {
  const folder = await mkdtemp(join(tmpdir(), "metropolis-ends-"));
  const added_tokens = [addedToken(256, "<eos>"), addedToken(257, "<|im_end|>")];
  const files = {
    "config.json": config,
    "generation_config.json": generation,
    "tokenizer_config.json": tokenizer,
    "special_tokens_map.json": special,
    "tokenizer.json": { ...byteTokenizerJson(), added_tokens },
  };
  try {
    for (const [name, content] of Object.entries(files))
      if (content !== undefined) await writeFile(join(folder, name), JSON.stringify(content));
    return await readModelFolder(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const eos = { eos_token: "<eos>" };
const objectEos = { eos_token: { __type: "AddedToken", content: "<|im_end|>", special: true } };

describe("the end tokens of a model", () => {
  // As vLLM has them, by transformers' GenerationConfig and tokenizers.
  it.each<[string, Files, number[]]>([
    ["config.json alone", { config: { eos_token_id: 7 } }, [7]],
    ["a list in config.json", { config: { eos_token_id: [7, 8] } }, [7, 8]],
    ["the tokenizer's own beside config.json's", { config: { eos_token_id: 7 }, tokenizer: eos }, [256, 7]],
    ["the tokenizer's own alone", { config: {}, tokenizer: eos }, [256]],
    ["the tokenizer's own as an object", { config: {}, tokenizer: objectEos }, [257]],
    ["the tokenizer's own, ordinary", { config: {}, tokenizer: { eos_token: "A" } }, [65]],
    ["special_tokens_map.json", { config: {}, special: objectEos }, [257]],
    ["tokenizer_config.json before it", { config: {}, tokenizer: eos, special: objectEos }, [256]],
    [
      "generation_config.json in place of config.json",
      { config: { eos_token_id: 7 }, generation: { eos_token_id: [8, 9] }, tokenizer: eos },
      [256, 8, 9],
    ],
    [
      "a narrower generation_config.json",
      { config: { eos_token_id: [256, 257] }, generation: { eos_token_id: 256 }, tokenizer: objectEos },
      [257, 256],
    ],
    [
      "an empty list",
      { config: { eos_token_id: 7 }, generation: { eos_token_id: [] }, tokenizer: eos },
      [256],
    ],
    ["null", { config: { eos_token_id: 7 }, generation: { eos_token_id: null }, tokenizer: eos }, [256]],
    ["a file that says nothing", { config: { eos_token_id: 7 }, generation: {}, tokenizer: eos }, [256]],
    ["nothing but config.json's behind it", { config: { eos_token_id: 7 }, generation: {} }, [7]],
    ["text_config", { config: { text_config: { eos_token_id: [8, 9] } } }, [8, 9]],
    [
      "config.json before text_config",
      { config: { eos_token_id: 7, text_config: { eos_token_id: 8 } } },
      [7],
    ],
    ["null before text_config", { config: { eos_token_id: null, text_config: { eos_token_id: 8 } } }, [8]],
    ["token 0", { config: { eos_token_id: 0 }, generation: { eos_token_id: 0 } }, [0]],
    ["none", { config: {} }, []],
  ])("are those of %s", async (_, files, ids) => {
    const { model, notes } = await read(files);
    expect(model.endTokenIds).toEqual(ids);
    expect(notes).toEqual([]);
  });

  it.each<[Files, RegExp]>([
    [
      { config: { eos_token_id: "2" } },
      /config\.json is not as expected: .*eos_token_id must be a token id/s,
    ],
    [{ config: { eos_token_id: 2.5 } }, /config\.json is not as expected: .*eos_token_id/s],
    [{ config: { text_config: { eos_token_id: true } } }, /config\.json .*text_config\.eos_token_id/s],
    [{ config: {}, generation: { eos_token_id: ["a"] } }, /generation_config\.json .*eos_token_id must be/s],
    [
      { config: {}, tokenizer: { eos_token: 2 } },
      /tokenizer_config\.json .*eos_token must be a token's text/s,
    ],
    [{ config: {}, special: { eos_token: {} } }, /special_tokens_map\.json .*eos_token/s],
  ])("are refused by file and field where they are of a wrong type: %j", async (files, message) => {
    await expect(read(files)).rejects.toThrow(message);
  });

  it("are warned of where no token has the name or the id, or there are none", async () => {
    const { notes } = await read({ config: { eos_token_id: 7 }, tokenizer: { eos_token: "</s>" } });
    expect(notes).toEqual([
      expect.stringMatching(/tokenizer_config\.json: eos_token "<\/s>" is not a token/),
    ]);
    expect(withinVocabulary({ ids: [7, 258], notes: [] }, 258)).toEqual({
      ids: [7],
      notes: ["warning: eos_token_id 258 is outside the vocabulary (0..257)"],
    });
    expect(withinVocabulary({ ids: [-1], notes: [] }, 258)).toEqual({
      ids: [],
      notes: [
        expect.stringMatching(/eos_token_id -1 is outside/),
        expect.stringMatching(/names no end token.*generation_config\.json/s),
      ],
    });
    expect(withinVocabulary({ ids: [7], notes: [] }, 258).notes).toEqual([]);
  });
});
