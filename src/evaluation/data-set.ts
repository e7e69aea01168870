import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InferenceError } from "../core/errors.ts";

const pattern = z.string().refine(
  (text) => {
    try {
      return new RegExp(text, "su").source !== "";
    } catch {
      return false;
    }
  },
  { error: "pattern is not a regular expression" },
);

const simpleGraders = ["exact", "last_number", "boxed", "choice", "abacus"] as const;

const graderSettings = z.discriminatedUnion("type", [
  ...([z.strictObject({ type: z.enum(simpleGraders) })] as const),
  z.strictObject({ type: z.literal("regex"), pattern: pattern.optional() }),
  z.strictObject({ type: z.literal("command"), command: z.tuple([z.string()], z.string()) }),
]);

const grader = z.union([z.enum([...simpleGraders, "regex"]).transform((type) => ({ type })), graderSettings]);

const item = z
  .strictObject({
    id: z.union([z.string(), z.number()]).transform(String),
    prompt: z.string().optional(),
    messages: z
      .array(z.strictObject({ role: z.string(), content: z.string() }))
      .min(1)
      .optional(),
    answer: z.union([z.string(), z.number()]).transform(String),
    grader: grader.optional(),
  })
  .refine(({ prompt, messages }) => (prompt === undefined) !== (messages === undefined), {
    error: "an item has either prompt or messages",
  });

export type GraderSettings = z.output<typeof graderSettings>;

/** A question with its reference answer, and how answers to it are judged. */
export interface DataItem {
  readonly id: string;
  readonly prompt: string | undefined;
  readonly messages: readonly { readonly role: string; readonly content: string }[] | undefined;
  readonly answer: string;
  readonly grader: GraderSettings;
}

export interface DataSetOptions {
  /** For items that name none. */
  readonly grader: GraderSettings["type"];
  /** Whether graders may run commands. */
  readonly allowCommands: boolean;
}

/** Reads a data set: a JSON object a line. @throws InferenceError naming file, line and field */
export async function readDataSet(path: string, options: DataSetOptions): Promise<readonly DataItem[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new InferenceError("invalid_request", `--data: ${path} cannot be read.`, { cause });
  }
  return parseDataSet(text, { ...options, name: path });
}

export function parseDataSet(
  text: string,
  { grader: usual, allowCommands, name }: DataSetOptions & { readonly name: string },
): readonly DataItem[] {
  const ids = new Set<string>();
  const items = text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const at = `${name}, line ${index + 1}`;
    const parsed = item.safeParse(parseJson(line, at));
    if (!parsed.success) throw invalid(`${at}: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
    const { id, prompt, messages, answer, grader: own } = parsed.data;
    if (ids.has(id)) throw invalid(`${at}: id '${id}' was used before; ids must differ.`);
    ids.add(id);
    const settings = (own ?? { type: usual }) as GraderSettings;
    if (settings.type === "command" && !allowCommands) {
      throw invalid(`${at}: the grader runs a command. Pass --allow-commands if you trust this file.`);
    }
    return [{ id, prompt, messages, answer, grader: settings }];
  });
  if (items.length === 0) throw invalid(`${name} holds no items: one JSON object a line is wanted.`);
  return items;
}

function parseJson(line: string, at: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw invalid(`${at}: not valid JSON.`);
  }
}

const invalid = (message: string): InferenceError => new InferenceError("invalid_request", message);
