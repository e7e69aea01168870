import type { Expression } from "../expression.ts";
import type { JsonNumber } from "./json-number.ts";
import type { JsonText } from "./json-text.ts";
import type { SchemaFile, SchemaNode } from "./schema-file.ts";

export interface SchemaOptions {
  /**
   * Whether objects that list properties and say nothing of others have no others. Every text is then still valid, and
   * the model comes to an end; otherwise they are taken as the specification reads.
   */
  readonly isClosed: boolean;
}

/** What the parts of a schema's reader ask of the whole. */
export interface SchemaReader {
  readonly text: JsonText;
  readonly numbers: JsonNumber;
  readonly file: SchemaFile;
  readonly options: SchemaOptions;
  /** Values that satisfy all of some schemas. */
  value(nodes: readonly SchemaNode[]): Expression;
  /** Asks that no value satisfies all of some schemas, which shows when all rules are said. */
  expectNothing(nodes: readonly SchemaNode[], path: string): void;
}
