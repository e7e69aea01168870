import { InferenceError, whyAborted } from "../../core/errors.ts";
import { mapAsync } from "../../core/map-async.ts";
import type { Awaitable } from "../../core/token-stream.ts";
import type { TokenIds } from "../../core/tokens.ts";
import type { ChatTemplate } from "../chat-template.ts";
import type { TokenizerJson } from "../token-bytes.ts";
import { recognizeToolFormat } from "../recognize-tool-format.ts";
import type { ToolFormat } from "../../tools/tool-format.ts";
import type { ChatPrompt, EncodeOptions, Prompt, PromptEncoder, TextPrompt } from "./prompt-encoder.ts";
import { TextTokenizer } from "./text-tokenizer.ts";

/** Encodes in this process: for tools, tests, and the processes of `ProcessPromptEncoder`. Nothing ends a hostile text. */
export class LocalPromptEncoder implements PromptEncoder {
  readonly #read: () => Awaitable<TokenizerJson>;
  readonly #template: ChatTemplate | undefined;
  #encoder: Promise<TextTokenizer> | undefined;
  #toolFormat: { readonly found: ToolFormat | undefined } | undefined;

  /** @param read tokenizer.json, which is large, and not wanted where nothing is encoded */
  constructor(read: () => Awaitable<TokenizerJson>, template: ChatTemplate | undefined) {
    this.#read = read;
    this.#template = template;
  }

  get takesChats(): boolean {
    return this.#template !== undefined;
  }

  /**
   * Reads the vocabulary, for which the first prompt would have to wait.
   * @throws InferenceError what is wrong with tokenizer.json
   */
  open(): Promise<TextTokenizer> {
    this.#encoder ??= Promise.resolve(this.#read()).then((json) => new TextTokenizer(json));
    return this.#encoder;
  }

  async encode(prompts: readonly Prompt[], { param, signal }: EncodeOptions): Promise<TokenIds[]> {
    const encoder = await this.open();
    return mapAsync(prompts, true, async (prompt) => {
      if (signal.aborted) throw whyAborted(signal);
      const { text, addSpecialTokens } = "text" in prompt ? prompt : this.#render(prompt, param);
      return encoder.encode(text, { addSpecialTokens, param });
    });
  }

  toolFormat(): Promise<ToolFormat | undefined> {
    const template = this.#template;
    this.#toolFormat ??= { found: template === undefined ? undefined : recognizeToolFormat(template) };
    return Promise.resolve(this.#toolFormat.found);
  }

  #render({ messages, addSpecialTokens = false, ...options }: ChatPrompt, param: string): TextPrompt {
    if (this.#template === undefined)
      throw new InferenceError("unsupported", "The model has no chat template.", { param });
    return { text: this.#template.render(messages, { ...options, param }), addSpecialTokens };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
