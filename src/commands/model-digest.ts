import { createHash } from "node:crypto";
import { basename, relative } from "node:path";
import type { LocatedModel } from "../assembly/locate-model.ts";
import { hashFiles, stampFiles } from "../assembly/model-files.ts";
import { generationConfigName, readGenerationConfig } from "../evaluation/tune/generation-config.ts";

/**
 * SHA-256 of what a model is: its graph, weights, tokenizer and settings. Our own section of generation_config.json is
 * left out, which tuning writes.
 */
export async function modelDigest(located: LocatedModel): Promise<string> {
  const { metropolis: _, ...config } = await readGenerationConfig(located.folder);
  const hashed = Object.entries(await hashFiles(await stampFiles(located)));
  const files = hashed
    .filter(([path]) => basename(path) !== generationConfigName)
    .map(([path, { hash = null }]) => [relative(located.folder, path), hash]);
  return createHash("sha256")
    .update(JSON.stringify([files, config]))
    .digest("hex");
}
