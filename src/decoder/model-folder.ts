import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { decodeText } from "../core/decode-text.ts";
import { InferenceError } from "../core/errors.ts";
import type { EngineInfo } from "../engine/engine.ts";
import { ChatTemplate, readChatTemplate } from "./chat-template.ts";
import type { ModelInfo } from "./completer.ts";
import { LocalPromptEncoder } from "./prompts/local-prompt-encoder.ts";
import { endIds, endTokensOf, namedEnd } from "./end-tokens.ts";
import type { TokenizerJson } from "./token-bytes.ts";
import { Tokenizer } from "./tokenizer.ts";

/** What a model's own files say, before an engine adds what it can hold. */
export interface ModelDescription {
  readonly model: Omit<ModelInfo, keyof EngineInfo>;
  /** What an operator should know of the files. */
  readonly notes: readonly string[];
  /** The longest sequence the model was made for, tokens, where config.json says. */
  readonly maxPositions: number | undefined;
  readonly tokenizer: Tokenizer;
  readonly prompts: LocalPromptEncoder;
}

const textConfigSchema = z.looseObject({
  max_position_embeddings: z.number().int().positive().optional(),
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

const generationConfigSchema = z.looseObject({
  eos_token_id: endIds,
  max_new_tokens: z.number().int().positive().nullish(),
  /** Our own section: defaults of power sampling for this model. */
  metropolis: z
    .strictObject({
      alpha: z.number().min(1).optional(),
      block_size: z.number().int().positive().optional(),
      mcmc_steps: z.number().int().nonnegative().optional(),
      example_prompt: z.string().optional(),
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
  const config = await readConfig(root);
  const generation = await readIfThere(root, "generation_config.json", generationConfigSchema);
  const tokenizerConfig = await readOptionalJson(root, "tokenizer_config.json", tokenizerConfigSchema);
  const specialTokens = await readOptionalJson(root, "special_tokens_map.json", tokenizerConfigSchema);
  const tokenizerJson = await readJson(root, "tokenizer.json", tokenizerSchema);
  const metropolis = generation?.metropolis;
  const ends = endTokensOf({
    config,
    generation,
    named: tokenizerConfig.eos_token ?? specialTokens.eos_token,
    tokenizer: tokenizerJson,
  });
  return {
    model: {
      id: id ?? basename(root),
      endTokenIds: ends.ids,
      defaults: {
        maxTokens: generation?.max_new_tokens ?? undefined,
        alpha: metropolis?.alpha ?? 4,
        mcmcSteps: metropolis?.mcmc_steps ?? 10,
        blockSize: metropolis?.block_size,
      },
      examplePrompt: metropolis?.example_prompt,
    },
    notes: ends.notes,
    maxPositions: config.max_position_embeddings ?? config.text_config?.max_position_embeddings,
    tokenizer: openTokenizer(root, tokenizerJson, tokenizerConfig),
    prompts: new LocalPromptEncoder(
      () => readJson(root, "tokenizer.json", tokenizerSchema),
      await openChatTemplate(root, tokenizerConfig, chatTemplate),
    ),
  };
}

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
async function readConfig(root: string): Promise<z.output<typeof configSchema>> {
  try {
    return await readJson(root, "config.json", configSchema);
  } catch (error) {
    const { model } = await readOptionalJson(root, "genai_config.json", genaiConfigSchema);
    if (model === undefined) throw error;
    return { max_position_embeddings: model.context_length, eos_token_id: model.eos_token_id };
  }
}

/** Newer exports keep the template in a file of its own, which then counts. */
async function openChatTemplate(
  root: string,
  config: Readonly<Record<string, unknown>>,
  chosen: string | undefined,
): Promise<ChatTemplate | undefined> {
  if (chosen !== undefined) return new ChatTemplate(chosen, config);
  const path = join(root, "chat_template.jinja");
  try {
    return new ChatTemplate(await readFile(path, "utf8"), config);
  } catch (error) {
    if (isMissing(error)) return readChatTemplate(config);
    throw unusable(path, "holds a template that cannot be read", error);
  }
}

async function readOptionalJson<Schema extends z.ZodType>(
  root: string,
  name: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  return (await readIfThere(root, name, schema)) ?? schema.parse({});
}

async function readIfThere<Schema extends z.ZodType>(
  root: string,
  name: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  try {
    return await readJson(root, name, schema);
  } catch (error) {
    if (error instanceof InferenceError && isMissing(error.cause)) return undefined;
    throw error;
  }
}

async function readJson<Schema extends z.ZodType>(
  root: string,
  name: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const path = join(root, name);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw unusable(path, "cannot be read; --model must name a folder with a model's files", error);
  }
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

const isMissing = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | undefined)?.code === "ENOENT";

function unusable(path: string, problem: string, cause: unknown): InferenceError {
  const reason = isMissing(cause) ? " (no such file)" : "";
  return new InferenceError("invalid_request", `${path} ${problem}${reason}.`, { cause });
}
