import { GrammarError, unsupported } from "../grammar-error.ts";
import { isArray, isObject } from "../../core/json-value.ts";
import type { Json, JsonObject } from "../../core/json-value.ts";
import { foreignKeyword } from "./keywords.ts";

/** A place in a schema, as errors name it. */
export interface Place {
  readonly schema: JsonObject;
  /** As in `#/properties/name`. */
  readonly path: string;
}

/** A schema that is an object, and where it stands; or what `true` and `false` say. */
export type SchemaNode = Place | boolean;

/** Schemas within one another at most, and all of them together. */
const deepest = 64;
const mostSchemas = 10_000;

/** A whole schema with what it refers to. */
export class SchemaFile {
  readonly root: SchemaNode;
  readonly #document: Json;
  readonly #nodes = new Map<JsonObject, Place>();
  readonly #anchors = new Map<string, JsonObject>();

  /** @throws GrammarError */
  constructor(document: Json) {
    this.#document = document;
    checkValues(document);
    this.#findAnchors(document);
    this.root = this.node(document, "#");
  }

  /** The schema at a place. @throws GrammarError where none is, and for keywords that are not kept to, by name */
  node(schema: Json | undefined, path: string): SchemaNode {
    if (typeof schema === "boolean") return schema;
    if (!isObject(schema)) throw new GrammarError(`has no schema at ${path}: an object, true or false`);
    let node = this.#nodes.get(schema);
    if (node === undefined) {
      const foreign = foreignKeyword(schema);
      if (foreign !== undefined)
        throw unsupported(`has ${quoted(foreign)} at ${path}, which is not supported`);
      if (this.#nodes.size >= mostSchemas) throw unsupported(`holds more than ${mostSchemas} schemas`);
      node = { schema, path };
      this.#nodes.set(schema, node);
    }
    return node;
  }

  /** What a reference names. @throws GrammarError for what is not in this schema */
  resolve(reference: Json, path: string): SchemaNode {
    if (typeof reference !== "string") throw new GrammarError(`has $ref at ${path} that is no text`);
    if (reference === "#") return this.root;
    if (!reference.startsWith("#"))
      throw unsupported(
        `has $ref ${quoted(reference)} at ${path}, which is not supported: it has to begin with #`,
      );
    const anchored = this.#anchors.get(reference.slice(1));
    if (anchored !== undefined) return this.node(anchored, reference);
    let at: Json | undefined = this.#document;
    for (const part of decode(reference.slice(1)).split("/").slice(1)) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (isArray(at)) at = at[Number(name)];
      else at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    }
    if (at === undefined || !reference.startsWith("#/"))
      throw new GrammarError(`has $ref ${quoted(reference)} at ${path}, which names nothing in it`);
    return this.node(at, reference);
  }

  #findAnchors(value: Json): void {
    if (isArray(value)) for (const item of value) this.#findAnchors(item);
    if (!isObject(value)) return;
    if (typeof value.$anchor === "string") this.#anchors.set(value.$anchor, value);
    if (typeof value.$id === "string" && value !== this.#document)
      throw unsupported("has $id in a part of it, which is not supported");
    for (const [name, member] of Object.entries(value))
      if (!["const", "enum", "default", "examples", "example"].includes(name)) this.#findAnchors(member);
  }
}

export const quoted = (name: string): string => `'${name.length > 80 ? `${name.slice(0, 80)}…` : name}'`;

function decode(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch {
    return reference;
  }
}

/** Before anything walks through it by itself. */
function checkValues(document: Json): void {
  let level: readonly Json[] = [document];
  for (let depth = 0; level.length > 0; depth++) {
    // A schema's own depth counts with the objects between, as properties has.
    if (depth > 2 * deepest) throw unsupported(`holds schemas more than ${deepest} deep`);
    // What JSON writes as 1e999 is read as this.
    if (level.some((value) => typeof value === "number" && !Number.isFinite(value)))
      throw unsupported("holds a number beyond 1.8e308, which no double reaches");
    level = level.flatMap((value) => (isArray(value) ? value : isObject(value) ? Object.values(value) : []));
  }
}
