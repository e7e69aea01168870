import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DecoderShape } from "../../lab/export-onnx.ts";
import { addedToken, byteTokenizerJson } from "./byte-tokenizer.ts";
import { randomModel, tinyShape } from "./random-model.ts";

/** Writes a model folder of random weights that takes any text: its tokens are bytes, and one end token. */
export async function writeByteModel(size: Partial<DecoderShape> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "metropolis-bytes-"));
  const endToken = 256;
  const write = (name: string, content: object): Promise<void> =>
    writeFile(join(folder, name), JSON.stringify(content));
  const shape = { ...tinyShape, maxPositions: 256, ...size, vocabularySize: 257 };
  const added = addedToken(endToken, "<eos>");
  await writeFile(join(folder, "model.onnx"), randomModel(shape));
  await write("config.json", {
    model_type: "llama",
    eos_token_id: endToken,
    vocab_size: shape.vocabularySize,
    max_position_embeddings: shape.maxPositions,
  });
  await write("tokenizer.json", { ...byteTokenizerJson(), added_tokens: [added] });
  await write("tokenizer_config.json", { eos_token: "<eos>" });
  return folder;
}
