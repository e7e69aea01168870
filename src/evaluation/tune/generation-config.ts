import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";
import { fileFault } from "../../files/file-fault.ts";
import { writeWhole } from "../../files/write-whole.ts";
import { parseJson } from "../json-lines.ts";

const generationConfig = z.looseObject({
  metropolis: z.looseObject({ presets: z.looseObject({}).optional() }).optional(),
});
export type GenerationConfig = z.output<typeof generationConfig>;

export const generationConfigName = "generation_config.json";

const pathIn = (folder: string): string => join(folder, generationConfigName);

/** A model's generation_config.json; empty where there is none. @throws InferenceError for one that is not as expected */
export async function readGenerationConfig(folder: string): Promise<GenerationConfig> {
  const path = pathIn(folder);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "{}";
    throw fileFault(`${path} cannot be read`, error);
  });
  const json = parseJson(text, path);
  const parsed = generationConfig.safeParse(json);
  // As it was read: parsing would put what it knows in front.
  if (parsed.success) return json as GenerationConfig;
  throw new InferenceError("invalid_request", `${path} is not as expected: ${z.prettifyError(parsed.error)}`);
}

/** Sets fields of our section, and leaves all else as it is. @returns the file's path */
export async function writeSection(
  folder: string,
  change: (section: NonNullable<GenerationConfig["metropolis"]>) => object,
): Promise<string> {
  // Read anew: tuning may have taken hours.
  const config = await readGenerationConfig(folder);
  const section = config.metropolis ?? {};
  const changed = { ...config, metropolis: { ...section, ...change(section) } };
  await writeWhole(pathIn(folder), `${JSON.stringify(changed, null, 2)}\n`);
  return pathIn(folder);
}
