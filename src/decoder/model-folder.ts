import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { decodeText } from "../core/decode-text.ts";
import { InferenceError } from "../core/errors.ts";
import { isPresetName, presetNameRule } from "../samplers/preset-name.ts";
import { samplerNames } from "../samplers/registry.ts";
import type { EngineInfo } from "../engine/engine.ts";
import { ChatTemplate, readChatTemplate } from "./chat-template.ts";
import type { ModelInfo } from "./completer.ts";
import { readContents } from "./folder-contents.ts";
import type { FolderContents, FolderFile } from "./folder-contents.ts";
import { LocalPromptEncoder } from "./prompts/local-prompt-encoder.ts";
import { endIds, endTokensOf, namedEnd } from "./end-tokens.ts";
import type { TokenizerJson } from "./token-bytes.ts";
import { Tokenizer } from "./tokenizer.ts";
import { tokenNames } from "./vocabulary.ts";

/** What a model's own files say, before an engine adds what it can hold. */
export interface ModelDescription {
  readonly model: Omit<ModelInfo, keyof EngineInfo>;
  /** What an operator should know of the files. */
  readonly notes: readonly string[];
  /** The longest sequence the model was made for, tokens, where config.json says. */
  readonly maxPositions: number | undefined;
  /** Tokens that the model has: as config.json says, else as the tokenizer has names for. */
  readonly vocabularySize: number;
  readonly tokenizer: Tokenizer;
  readonly prompts: LocalPromptEncoder;
}

const textConfigSchema = z.looseObject({
  max_position_embeddings: z.number().int().positive().optional(),
  vocab_size: z.number().int().positive().optional(),
  eos_token_id: endIds,
});

/** Of models that read images too, what the text's part says is nested. */
const configSchema = textConfigSchema.extend({ text_config: textConfigSchema.nullish() });

const genaiConfigSchema = z.looseObject({
  model: z
    .looseObject({
      context_length: z.number().int().positive(),
      eos_token_id: endIds,
    })
    .optional(),
});

/** Names stand behind a colon in the model's, where samplers' names do. */
const presetsSchema = z
  .record(z.string(), z.looseObject({ sampler: z.enum(samplerNames) }))
  .refine((presets) => Object.keys(presets).every((name) => isPresetName(name)), presetNameRule);

const generationConfigSchema = z.looseObject({
  eos_token_id: endIds,
  max_new_tokens: z.number().int().positive().nullish(),
  /** Our own section: defaults of power sampling for this model, and presets, whose fields are the API's to judge. */
  metropolis: z
    .strictObject({
      alpha: z.number().min(1).optional(),
      block_size: z.number().int().positive().optional(),
      mcmc_steps: z.number().int().nonnegative().optional(),
      description: z.string().optional(),
      example_prompts: z.array(z.string().min(1)).optional(),
      presets: presetsSchema.optional(),
    })
    .optional(),
});

const tokenizerConfigSchema = z.looseObject({ eos_token: namedEnd });

const tokenizerSchema = z.looseObject({ model: z.looseObject({}) }) as unknown as z.ZodType<TokenizerJson>;

/**
 * Reads a model folder beside its graph: config.json or genai_config.json, generation_config.json (optional),
 * tokenizer.json, tokenizer_config.json and chat_template.jinja (optional).
 * @param id the model's name; the folder's when left out
 * @param chatTemplate the template to use in place of the folder's
 * @throws InferenceError naming the file and what is wrong with it
 */
export async function readModelFolder(
  folder: string,
  id?: string,
  chatTemplate?: string,
): Promise<ModelDescription> {
  const root = resolve(folder);
  return describeFolder({ root, contents: await readContents(root) }, id, chatTemplate);
}

/** A model folder that was read. */
export interface ReadFolder {
  readonly root: string;
  readonly contents: FolderContents;
}

/** What `readModelFolder` says, of a folder that was read before. */
export function describeFolder(folder: ReadFolder, id?: string, chatTemplate?: string): ModelDescription {
  const config = readConfig(folder);
  const generation = readIfThere(folder, "generation_config.json", generationConfigSchema);
  const tokenizerConfig = readOptionalJson(folder, "tokenizer_config.json", tokenizerConfigSchema);
  const specialTokens = readOptionalJson(folder, "special_tokens_map.json", tokenizerConfigSchema);
  const tokenizerJson = readJson(folder, "tokenizer.json", tokenizerSchema);
  const metropolis = generation?.metropolis;
  const ends = endTokensOf({
    config,
    generation,
    named: tokenizerConfig.eos_token ?? specialTokens.eos_token,
    tokenizer: tokenizerJson,
  });
  return {
    model: {
      id: id ?? basename(folder.root),
      endTokenIds: ends.ids,
      defaults: {
        maxTokens: generation?.max_new_tokens ?? undefined,
        alpha: metropolis?.alpha ?? 4,
        mcmcSteps: metropolis?.mcmc_steps,
        blockSize: metropolis?.block_size,
      },
      description: metropolis?.description,
      examplePrompts: metropolis?.example_prompts ?? [],
      presets: metropolis?.presets,
    },
    notes: ends.notes,
    maxPositions: config.max_position_embeddings ?? config.text_config?.max_position_embeddings,
    vocabularySize: config.vocab_size ?? config.text_config?.vocab_size ?? namedTokens(tokenizerJson),
    tokenizer: openTokenizer(folder.root, tokenizerJson, tokenizerConfig),
    prompts: new LocalPromptEncoder(
      () => readJson(folder, "tokenizer.json", tokenizerSchema),
      openChatTemplate(folder, tokenizerConfig, chatTemplate),
    ),
  };
}

/** One more than the highest id that has a name. */
const namedTokens = ({ model, added_tokens: added = [] }: TokenizerJson): number =>
  added.reduce((most, { id }) => Math.max(most, id + 1), tokenNames(model).length);

function openTokenizer(
  root: string,
  json: TokenizerJson,
  config: Readonly<Record<string, unknown>>,
): Tokenizer {
  try {
    return new Tokenizer(json, config);
  } catch (error) {
    throw unusable(join(root, "tokenizer.json"), "holds a tokenizer that cannot be read", error);
  }
}

/** config.json, or what onnxruntime-genai's builder writes in its place. */
function readConfig(folder: ReadFolder): z.output<typeof configSchema> {
  try {
    return readJson(folder, "config.json", configSchema);
  } catch (error) {
    const { model } = readOptionalJson(folder, "genai_config.json", genaiConfigSchema);
    if (model === undefined) throw error;
    return { max_position_embeddings: model.context_length, eos_token_id: model.eos_token_id };
  }
}

/** Newer exports keep the template in a file of its own, which then counts. */
function openChatTemplate(
  { root, contents }: ReadFolder,
  config: Readonly<Record<string, unknown>>,
  chosen: string | undefined,
): ChatTemplate | undefined {
  if (chosen !== undefined) return new ChatTemplate(chosen, config);
  const name = "chat_template.jinja";
  const bytes = contents[name];
  if (bytes === undefined) return readChatTemplate(config);
  try {
    return new ChatTemplate(Buffer.from(bytes).toString(), config);
  } catch (error) {
    throw unusable(join(root, name), "holds a template that cannot be read", error);
  }
}

function readOptionalJson<Schema extends z.ZodType>(
  folder: ReadFolder,
  name: FolderFile,
  schema: Schema,
): z.output<Schema> {
  return readIfThere(folder, name, schema) ?? schema.parse({});
}

const readIfThere = <Schema extends z.ZodType>(
  folder: ReadFolder,
  name: FolderFile,
  schema: Schema,
): z.output<Schema> | undefined =>
  folder.contents[name] === undefined ? undefined : readJson(folder, name, schema);

function readJson<Schema extends z.ZodType>(
  { root, contents }: ReadFolder,
  name: FolderFile,
  schema: Schema,
): z.output<Schema> {
  const path = join(root, name);
  const bytes = contents[name];
  if (bytes === undefined)
    throw unusable(path, "cannot be read; --model must name a folder with a model's files (no such file)");
  let json: unknown;
  try {
    json = JSON.parse(decodeText(bytes, path));
  } catch (error) {
    throw unusable(path, "is not JSON; copy or download the file again", error);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw unusable(path, `is not as expected: ${z.prettifyError(parsed.error)}`, parsed.error);
  return parsed.data;
}

const unusable = (path: string, problem: string, cause?: unknown): InferenceError =>
  new InferenceError("invalid_request", `${path} ${problem}.`, { cause });
