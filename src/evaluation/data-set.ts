import { z } from "zod";
import { InferenceError } from "../core/errors.ts";
import { faultOf } from "./graders/references.ts";
import { parseLines } from "./json-lines.ts";

const isPattern = (text: string): boolean => {
  try {
    return new RegExp(text, "su").source !== "";
  } catch {
    return false;
  }
};
const pattern = z.string().refine(isPattern, { error: "pattern is not a regular expression" });

const simpleGraders = ["exact", "last_number", "boxed", "choice", "abacus", "pivot"] as const;

/** Graders that a name alone describes. */
export const namedGraders = [...simpleGraders, "regex"] as const;

const graderSettings = z.discriminatedUnion("type", [
  ...([z.strictObject({ type: z.enum(simpleGraders) })] as const),
  z.strictObject({ type: z.literal("regex"), pattern: pattern.optional() }),
  z.strictObject({ type: z.literal("command"), command: z.tuple([z.string()], z.string()) }),
  z.strictObject({
    type: z.literal("python"),
    /** What the completion continues: imports, and the function's beginning. */
    prompt: z.string(),
    /** Defines check(candidate). */
    test: z.string(),
    entry_point: z.string().regex(/^[A-Za-z_]\w*$/, "entry_point must be a Python name"),
  }),
]);

const grader = z.union([z.enum(namedGraders).transform((type) => ({ type })), graderSettings]);

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
    stop: z.array(z.string().min(1)).min(1).optional(),
    // Which these may be is the server's to say.
    response_format: z.looseObject({}).optional(),
    structured_outputs: z.looseObject({}).optional(),
  })
  .refine(({ prompt, messages }) => (prompt === undefined) !== (messages === undefined), {
    error: "an item has either prompt or messages",
  });

/** An item as a line of a data set has it. */
export type DataLine = z.input<typeof item>;
export type GraderSettings = z.output<typeof graderSettings>;

/** A question with its reference answer, and how answers to it are judged. */
export interface DataItem {
  readonly id: string;
  readonly prompt: string | undefined;
  readonly messages: readonly { readonly role: string; readonly content: string }[] | undefined;
  readonly answer: string;
  readonly grader: GraderSettings;
  /** Strings that end an answer. */
  readonly stop: readonly string[];
  /** The fields of a request that hold answers to something. */
  readonly constraint?: Readonly<Record<string, unknown>>;
}

export interface DataSetOptions {
  /** For items that name none. */
  readonly grader: (typeof namedGraders)[number];
  /** Whether graders may run commands. */
  readonly allowCommands: boolean;
  /** Whether graders may run the Python code that a model wrote, in a sandbox or also without one. */
  readonly allowCode: boolean;
  readonly allowUnsandboxedCode?: boolean;
}

/** Reads a data set: a JSON object a line. @param options `name` of the file @throws InferenceError naming file, line and field */
export function parseDataSet(
  text: string,
  {
    grader: usual,
    allowCommands,
    allowCode,
    allowUnsandboxedCode,
    name,
  }: DataSetOptions & { readonly name: string },
): readonly DataItem[] {
  const ids = new Set<string>();
  const items = parseLines(text, name).map(({ value, at }): DataItem => {
    const parsed = item.safeParse(value);
    if (!parsed.success) throw invalid(`${at}: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
    const { id, prompt, messages, answer, grader: own, stop = [], ...constraint } = parsed.data;
    if (ids.has(id)) throw invalid(`${at}: id '${id}' was used before; ids must differ.`);
    ids.add(id);
    const settings: GraderSettings = own ?? { type: usual };
    if (settings.type === "regex" && settings.pattern === undefined && !isPattern(answer)) {
      throw invalid(`${at}: the answer is to be the grader's pattern, and is no regular expression.`);
    }
    const fault = faultOf(settings.type, answer);
    if (fault !== undefined) {
      throw invalid(
        `${at}: answer ${fault}, as grader ${settings.type} wants. Correct it, or name another grader for this line.`,
      );
    }
    if (settings.type === "command" && !allowCommands) {
      throw invalid(`${at}: the grader runs a command. Pass --allow-commands if you trust this file.`);
    }
    if (settings.type === "python" && !allowCode && !allowUnsandboxedCode) {
      throw invalid(
        `${at}: the grader runs code that the model writes. Pass --allow-code if this machine may run it, in a sandbox.`,
      );
    }
    return {
      id,
      prompt,
      messages,
      answer,
      grader: settings,
      stop,
      ...(Object.keys(constraint).length === 0 ? {} : { constraint }),
    };
  });
  if (items.length === 0) throw invalid(`${name} holds no items: one JSON object a line is wanted.`);
  return items;
}

const invalid = (message: string): InferenceError => new InferenceError("invalid_request", message);
