import { callBody } from "./call-body.ts";
import type { CallBody } from "./call-body.ts";
import { marksOf } from "./tool-format.ts";
import type { ToolFormat, ToolMarks } from "./tool-format.ts";

/** What of an answer's text is said, and what calls tools. */
export type AnswerPart =
  | { readonly type: "content"; readonly text: string }
  /** Calls are counted from 0. */
  | { readonly type: "call"; readonly index: number; readonly name: string; readonly id: string | undefined }
  /** More of a call's arguments, JSON. */
  | { readonly type: "arguments"; readonly index: number; readonly text: string };

/** A special token that announces a call where nothing has to: `<|python_tag|>`. */
const announcement = /^\s*(<(\|([a-z_]*(\|(>\s*)?)?)?)?)?$/;

/**
 * Tells calls from what is said, as the text comes. What is no call after all is said, marks included; white space
 * before a call and after calls belongs to neither.
 */
export class CallReader {
  readonly #format: ToolFormat;
  readonly #marks: ToolMarks;
  readonly #mostCalls: number;
  readonly #names: ReadonlySet<string>;
  /** `start`: nothing but a call can come there; `said`: no call can come any more. */
  #phase: "start" | "text" | "call" | "next" | "closing" | "said";
  /** What may yet be part of a mark, or the text of a call whose name is not known. */
  #held = "";
  #body: CallBody | undefined;
  #calls = 0;
  #parts: AnswerPart[] = [];

  /**
   * @param names of tools: where calls are not announced, JSON that names another is said
   * @param mostCalls that are told; what comes after these is left out
   */
  constructor(format: ToolFormat, names: ReadonlySet<string>, mostCalls = Infinity) {
    this.#names = names;
    this.#format = format;
    this.#marks = marksOf(format);
    this.#mostCalls = mostCalls;
    this.#phase = this.#marks.opening === "" ? "start" : "text";
  }

  get calls(): number {
    return Math.min(this.#calls, this.#mostCalls);
  }

  push(text: string): AnswerPart[] {
    for (const character of text) this.#step(character);
    this.#tellArguments();
    return this.#take();
  }

  /** What is left once the text is whole. */
  end(): AnswerPart[] {
    if (this.#calls === 0 || this.#held.trim() !== "") this.#say(this.#held);
    this.#held = "";
    return this.#take();
  }

  #take(): AnswerPart[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  #step(character: string): void {
    switch (this.#phase) {
      case "said":
        this.#say(character);
        return;
      case "start":
        this.#inStart(character);
        return;
      case "text":
        this.#inText(character);
        return;
      case "call":
        this.#inCall(character);
        return;
      case "next":
        this.#inNext(character);
        return;
      case "closing":
        this.#inClosing(character);
        return;
    }
  }

  /** Where calls are not announced, an answer that begins as one is one, and so is what follows it. */
  #inStart(character: string): void {
    if (character === "{" && this.#held.split("").every((held) => held !== "{")) this.#begin(character);
    else if (this.#calls > 0 && character === ";") this.#held = "";
    else if (announcement.test(this.#held + character)) this.#held += character;
    else this.#release(character, "said");
  }

  #inText(character: string): void {
    this.#held += character;
    const { opening, isList } = this.#marks;
    while (!couldBe(this.#held, opening)) {
      this.#say(this.#held[0]!);
      this.#held = this.#held.slice(1);
    }
    if (this.#held.trimStart() !== opening) return;
    if (isList) this.#phase = "next";
    else this.#begin("");
  }

  /** Before the first of a list, or behind another of it. */
  #inNext(character: string): void {
    this.#held += character;
    if (character === "[" || character === "," || /\s/.test(character)) return;
    if (character === "]") {
      this.#held = "";
      this.#phase = "closing";
    } else if (character === "{") {
      this.#held = this.#held.slice(0, -1);
      this.#begin(character);
    } else this.#release("", "text");
  }

  #inClosing(character: string): void {
    const { opening, closing } = this.#marks;
    this.#held += character;
    if (closing !== "" && this.#held.trimStart() === closing) this.#held = "";
    else if (closing !== "" && couldBe(this.#held, closing)) return;
    this.#again(opening === "" ? "start" : "text");
  }

  #begin(character: string): void {
    this.#phase = "call";
    this.#body = callBody(this.#format.call);
    if (character !== "") this.#inCall(character);
  }

  #inCall(character: string): void {
    const body = this.#body!;
    const { name: before } = body;
    const state = body.push(character);
    if (
      before === undefined &&
      body.name !== undefined &&
      this.#marks.opening === "" &&
      !this.#names.has(body.name)
    ) {
      this.#body = undefined;
      this.#release(character, "said");
      return;
    }
    if (body.name === undefined) this.#held += character;
    else if (before === undefined) {
      this.#held = "";
      const { name, id } = body;
      this.#add({ type: "call", index: this.#calls++, name, id });
    }
    if (state === "reads") return;
    this.#tellArguments();
    this.#body = undefined;
    if (state === "broken" && body.name === undefined)
      this.#release("", this.#marks.opening === "" ? "said" : "text");
    else {
      // What breaks a call off is none of it.
      if (state === "broken") this.#held = character;
      this.#phase = this.#marks.isList ? "next" : "closing";
    }
  }

  #tellArguments(): void {
    const text = this.#body?.takeArguments() ?? "";
    if (text !== "") this.#add({ type: "arguments", index: this.#calls - 1, text });
  }

  /** Says what was held after all. */
  #release(character: string, phase: "said" | "text"): void {
    const text = this.#held + character;
    this.#held = "";
    this.#phase = phase;
    this.#say(text);
  }

  /** Reads what was held once more, from another place. */
  #again(phase: "start" | "text"): void {
    const text = this.#held;
    this.#held = "";
    this.#phase = phase;
    for (const character of text) this.#step(character);
  }

  #say(text: string): void {
    if (text !== "") this.#add({ type: "content", text });
  }

  #add(part: AnswerPart): void {
    const last = this.#parts.at(-1);
    if (part.type === "content") {
      if (last?.type === "content")
        this.#parts[this.#parts.length - 1] = { ...part, text: last.text + part.text };
      else this.#parts.push(part);
    } else if (part.index < this.#mostCalls) this.#parts.push(part);
  }
}

/** Whether a text, white space before it aside, may go on as this. */
const couldBe = (text: string, mark: string): boolean => mark.startsWith(text.trimStart());
