import { InferenceError } from "../core/errors.ts";
import type { ContentFormat } from "../jinja/content-format.ts";
import { JinjaTemplate } from "../jinja/template.ts";
import { specialTokens } from "./special-tokens.ts";

/** A message of a conversation, as JSON has it: it is given to the template whole. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: string | readonly ContentPart[] | null;
  /** name, tool_calls, tool_call_id, reasoning_content, and what else templates read. */
  readonly [field: string]: unknown;
}

/** `{ type: "text", text }`, and others for templates that know them. */
export interface ContentPart {
  readonly type: string;
  readonly text?: string;
  readonly [field: string]: unknown;
}

/** transformers sets these to none where a request gives none, and templates rely on it. */
const unasked = { tools: null, documents: null };

/** Names of the reasoning of an earlier answer: transformers gives it to templates under the first, and as `thinking`. */
const reasoningFields = ["reasoning_content", "thinking", "reasoning"];

/** Turns a conversation into the text that the model continues, byte for byte as transformers does. */
export class ChatTemplate {
  readonly #template: JinjaTemplate;
  readonly #variables: Readonly<Record<string, unknown>>;

  /**
   * @param config tokenizer_config.json, for the special tokens that templates name
   * @throws InferenceError when the source is not a template
   */
  constructor(source: string, config: Readonly<Record<string, unknown>>) {
    try {
      this.#template = new JinjaTemplate(source);
    } catch (error) {
      throw new InferenceError(
        "invalid_request",
        `The chat template cannot be read: ${(error as Error).message}`,
        { cause: error },
      );
    }
    this.#variables = specialTokens(config);
  }

  /** @throws InferenceError with what the template says when it refuses the conversation */
  render(
    messages: readonly ChatMessage[],
    {
      addGenerationPrompt,
      variables,
      param = "messages",
    }: {
      readonly addGenerationPrompt: boolean;
      readonly variables?: Readonly<Record<string, unknown>>;
      /** What the request calls its conversation. */
      readonly param?: string;
    },
  ): string {
    const { contentFormat } = this.#template;
    try {
      return this.#template.render({
        ...unasked,
        ...this.#variables,
        ...variables,
        messages: messages.map((message) => asTemplatesRead(message, contentFormat)),
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (error) {
      throw new InferenceError(
        "invalid_request",
        `The chat template refuses these messages: ${(error as Error).message}`,
        { param, cause: error },
      );
    }
  }
}

/** What is null is left out, as transformers does: templates write "None" for it, or fail. */
function asTemplatesRead(message: ChatMessage, format: ContentFormat): Readonly<Record<string, unknown>> {
  const given = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null));
  if (given.content !== undefined) given.content = contentFor(message, format);
  const field = reasoningFields.find((name) => (given[name] ?? null) !== null);
  if (field === undefined) return given;
  return { thinking: given[field], ...given, reasoning_content: given[field] };
}

/**
 * The content as a template takes it. As in vLLM, text parts become one text with line breaks between them, those of a
 * tool's answer always, and a text becomes a part for templates that take nothing else.
 */
function contentFor({ role, content }: ChatMessage, format: ContentFormat): ChatMessage["content"] {
  if (typeof content === "string")
    return format === "parts" && role !== "tool" ? [{ type: "text", text: content }] : content;
  if (format !== "text" && role !== "tool") return content;
  return content?.flatMap(({ text = "" }) => (text === "" ? [] : [text])).join("\n");
}

/** The template of a tokenizer_config.json: a text, or the one named "default" of a list. */
export function readChatTemplate(config: Readonly<Record<string, unknown>>): ChatTemplate | undefined {
  const { chat_template: entry } = config;
  if (typeof entry === "string") return new ChatTemplate(entry, config);
  if (!Array.isArray(entry)) return undefined;
  const named = (entry as { name?: unknown; template?: unknown }[]).find(({ name }) => name === "default");
  return typeof named?.template === "string" ? new ChatTemplate(named.template, config) : undefined;
}
