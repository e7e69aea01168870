import { JsonValue } from "./json-value.ts";
import type { CallForm } from "./tool-format.ts";

/** A call as its text comes, character by character. */
export interface CallBody {
  /** Once it is known that something by this name is called. */
  readonly name: string | undefined;
  /** The id that the model gave it, where it gives any. */
  readonly id: string | undefined;
  /** Whether the text goes on, has come to its end, or is no call. */
  push(character: string): "reads" | "ended" | "broken";
  /** What has come of the arguments since this was last asked, JSON. */
  takeArguments(): string;
}

export const callBody = (form: CallForm): CallBody =>
  form.type === "object" ? new ObjectBody() : new NamedBody(form);

/** What clients take for the name of a function. */
const nameCharacters = /^[\w.-]+$/;
/** Longer than any name with its separators. */
const mostBeforeArguments = 256;

/** `{"name": …, "arguments": …}`, its members in any order. */
class ObjectBody implements CallBody {
  readonly id = undefined;
  name: string | undefined;
  #phase: "start" | "member" | "key" | "colon" | "value" = "start";
  #key = "";
  #value = new JsonValue();
  #text = "";
  /** Of the first member that has any: others are no part of the call. */
  #arguments: string | undefined;
  #hasArguments = false;
  #taken = 0;

  push(character: string): "reads" | "ended" | "broken" {
    const isSpace = /\s/.test(character);
    switch (this.#phase) {
      case "start":
        if (character === "{") this.#phase = "member";
        else if (!isSpace) return "broken";
        return "reads";
      case "member":
        return this.#member(character, isSpace);
      case "key":
        this.#text += character;
        if (this.#value.push(character) === "last") {
          this.#key = String(parsed(this.#text));
          this.#phase = "colon";
        }
        return "reads";
      case "colon":
        if (character === ":") this.#begin("value");
        else if (!isSpace) return "broken";
        return "reads";
      case "value":
        return this.#inValue(character);
    }
  }

  takeArguments(): string {
    const text = this.#arguments ?? "";
    // A text that holds JSON is told once it is whole.
    if (this.name === undefined || (text.startsWith('"') && !this.#hasArguments)) return "";
    const taken = text.slice(this.#taken);
    this.#taken = text.length;
    return taken;
  }

  #begin(phase: "key" | "value"): void {
    this.#phase = phase;
    this.#value = new JsonValue();
    this.#text = "";
  }

  #member(character: string, isSpace: boolean): "reads" | "ended" | "broken" {
    if (isSpace || character === ",") return "reads";
    if (character === "}") {
      if (this.name === undefined) return "broken";
      this.#arguments ??= "{}";
      return "ended";
    }
    if (character !== '"') return "broken";
    this.#begin("key");
    return this.push(character);
  }

  #inValue(character: string): "reads" | "ended" | "broken" {
    const place = this.#value.push(character);
    if (place === "before") return "reads";
    if (place !== "behind") this.#text += character;
    const isArguments = !this.#hasArguments && (this.#key === "arguments" || this.#key === "parameters");
    if (isArguments) this.#arguments = this.#text;
    if (place === "within") return "reads";
    this.#phase = "member";
    const value = parsed(this.#text);
    if (isArguments) {
      this.#hasArguments = true;
      if (typeof value === "string") this.#arguments = value;
    }
    if (this.#key === "name" && this.name === undefined) {
      if (typeof value !== "string" || !nameCharacters.test(value)) return "broken";
      this.name = value;
    }
    return place === "behind" ? this.push(character) : "reads";
  }
}

/** A name, a separator, and the arguments. */
class NamedBody implements CallBody {
  id: string | undefined;
  #name: string | undefined;
  readonly #form: CallForm & { readonly type: "named" };
  #head = "";
  readonly #value = new JsonValue();
  #hasBegun = false;
  #waiting = "";

  constructor(form: CallForm & { readonly type: "named" }) {
    this.#form = form;
  }

  get name(): string | undefined {
    return this.#hasBegun ? this.#name : undefined;
  }

  push(character: string): "reads" | "ended" | "broken" {
    if (this.#name === undefined) return this.#inHead(character);
    if (!this.#hasBegun && !/\s/.test(character)) {
      if (character !== "{") return "broken";
      this.#hasBegun = true;
    }
    const place = this.#value.push(character);
    if (place !== "before") this.#waiting += character;
    return place === "last" ? "ended" : "reads";
  }

  takeArguments(): string {
    const text = this.#waiting;
    this.#waiting = "";
    return text;
  }

  #inHead(character: string): "reads" | "broken" {
    const { separator, idSeparator } = this.#form;
    this.#head += character;
    if (!this.#head.endsWith(separator)) return this.#head.length > mostBeforeArguments ? "broken" : "reads";
    const head = this.#head.slice(0, -separator.length);
    const [name, id] = idSeparator === undefined ? [head] : head.split(idSeparator);
    if (!nameCharacters.test(name!.trim())) return "broken";
    this.#name = name!.trim();
    this.id = id?.trim();
    return "reads";
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
