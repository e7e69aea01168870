import type { TokenIds } from "../../core/tokens.ts";
import type { ChatMessage } from "../chat-template.ts";
import type { ToolFormat } from "../../tools/tool-format.ts";

/** Text that is continued as it stands. */
export interface TextPrompt {
  readonly text: string;
  /** Whether the tokenizer adds what it puts around a prompt. */
  readonly addSpecialTokens: boolean;
}

/** A conversation, which the model's chat template turns into text. */
export interface ChatPrompt {
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
  /** What else the template may name. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Whether the tokenizer adds its own to the special tokens that the template writes; false when left out. */
  readonly addSpecialTokens?: boolean;
}

export type Prompt = TextPrompt | ChatPrompt;

export interface EncodeOptions {
  /** What the request calls the text: errors name it. */
  readonly param: string;
  /** Whose text it is, where several clients' texts wait: they take turns. */
  readonly client?: string | undefined;
  readonly signal: AbortSignal;
}

/** Turns prompts into tokens: in this thread, or in processes beside it, where a server has others to answer. */
export interface PromptEncoder extends AsyncDisposable {
  /** Whether the model has a chat template. */
  readonly takesChats: boolean;
  /**
   * The tokens of each prompt, in time nearly proportional to their length.
   * @throws InferenceError `invalid_request` when a character is not in the vocabulary or the template refuses the
   *   conversation; why the signal was aborted
   */
  encode(prompts: readonly Prompt[], options: EncodeOptions): Promise<TokenIds[]>;
  /**
   * How the model is made to call tools by its chat template.
   * @returns `undefined` where the template shows it none, or has calls written in a form that is not read here
   * @throws InferenceError as `encode`
   */
  toolFormat(options: EncodeOptions): Promise<ToolFormat | undefined>;
}

/** Bytes of a prompt's text as UTF-8: of a conversation, its messages and variables as JSON. */
export function promptBytes(prompt: Prompt): number {
  if ("text" in prompt) return Buffer.byteLength(prompt.text);
  const { messages, variables = {} } = prompt;
  return Buffer.byteLength(JSON.stringify([messages, variables]));
}
