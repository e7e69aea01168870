import { Template } from "@huggingface/jinja";
import { InferenceError } from "../core/errors.ts";
import { specialTokens } from "./special-tokens.ts";

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
  /** Of an assistant's message; their arguments are objects. */
  readonly tool_calls?: readonly object[];
  /** Of a tool's message: the call that it answers. */
  readonly tool_call_id?: string;
  readonly reasoning?: string;
  readonly reasoning_content?: string;
}

/** transformers sets these to none where a request gives none, and templates rely on it. */
const unasked = { tools: null, documents: null };

/** Turns a conversation into the text that the model continues. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #variables: Readonly<Record<string, unknown>>;

  /**
   * @param config tokenizer_config.json, for the special tokens that templates name
   * @throws InferenceError when the source is not a template
   */
  constructor(source: string, config: Readonly<Record<string, unknown>>) {
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw new InferenceError(
        "invalid_request",
        `The chat template cannot be read: ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    }
    this.#variables = specialTokens(config);
  }

  /** @throws InferenceError with what the template says when it refuses the conversation */
  render(
    messages: readonly ChatMessage[],
    options: { addGenerationPrompt: boolean; variables?: Readonly<Record<string, unknown>> },
  ): string {
    try {
      return this.#template.render({
        ...unasked,
        ...this.#variables,
        ...options.variables,
        messages,
        add_generation_prompt: options.addGenerationPrompt,
      });
    } catch (error) {
      throw new InferenceError(
        "invalid_request",
        `The chat template refuses these messages: ${(error as Error).message}`,
        {
          param: "messages",
          cause: error,
        },
      );
    }
  }
}

/** The template of a tokenizer_config.json: a text, or the one named "default" of a list. */
export function readChatTemplate(config: Readonly<Record<string, unknown>>): ChatTemplate | undefined {
  const { chat_template: entry } = config;
  if (typeof entry === "string") return new ChatTemplate(entry, config);
  if (!Array.isArray(entry)) return undefined;
  const named = (entry as { name?: unknown; template?: unknown }[]).find(({ name }) => name === "default");
  return typeof named?.template === "string" ? new ChatTemplate(named.template, config) : undefined;
}
