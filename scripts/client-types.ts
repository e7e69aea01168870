/**
 * The client's types without zod, for its package: what src/client/bodies.ts infers from the server's schemas is written
 * out from the same schemas, with what they say of each field; the rest is what tsc declares.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import ts from "typescript";
import { z } from "zod";
import { chatRequest, chatResponse } from "../src/server/schemas/chat.ts";
import { chatChunk, completionChunk } from "../src/server/schemas/chunks.ts";
import { completionRequest, completionResponse } from "../src/server/schemas/completions.ts";
import { modelEntry } from "../src/server/schemas/models.ts";
import { responseEvent } from "../src/server/schemas/responses/events.ts";
import { responseRequest } from "../src/server/schemas/responses/request.ts";
import { inputItemList, responseResponse } from "../src/server/schemas/responses/response.ts";
import { watchEvent } from "../src/server/watch/messages.ts";
import { writeTypes } from "./schema-types.ts";
import type { Schema } from "./schema-types.ts";

/** What src/client/bodies.ts exports. */
const requests = {
  CompletionRequest: completionRequest,
  ChatCompletionRequest: chatRequest,
  ResponseRequest: responseRequest,
};
const answers = {
  CompletionResponse: completionResponse,
  CompletionChunk: completionChunk,
  ChatResponse: chatResponse,
  ChatChunk: chatChunk,
  ResponseBody: responseResponse,
  ResponseEvent: responseEvent,
  InputItemList: inputItemList,
  Model: modelEntry,
  WatchEvent: watchEvent,
};

/** The package's declarations by the name of their file. */
export async function clientTypes(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const source of declared) files.set(basename(source).replace(/\.ts$/, ".d.ts"), await declare(source));
  let bodies = "";
  for (const [name, written] of [
    ["requests", forCallers(writeOut(requests, "input"))],
    ["answers", writeOut(answers, "output")],
  ] as const) {
    files.set(`${name}.d.ts`, written.text);
    bodies += `export type { ${written.names.join(", ")} } from "./${name}.js";\n`;
  }
  return files.set("bodies.d.ts", bodies);
}

interface Written {
  readonly text: string;
  /** What is to be exported of it, under another name where the schema has one of its own. */
  readonly names: readonly string[];
}

function writeOut(bodies: Readonly<Record<string, z.ZodType>>, io: "input" | "output"): Written {
  const schemas: Record<string, Schema> = {};
  const names: string[] = [];
  for (const [name, body] of Object.entries(bodies)) {
    const { $ref, $defs = {}, ...own } = z.toJSONSchema(body, { io, unrepresentable: "any" });
    Object.assign(schemas, $defs);
    const id = $ref?.split("/").at(-1) ?? name;
    if ($ref === undefined) schemas[name] = own as Schema;
    names.push(id === name ? name : `${id} as ${name}`);
  }
  return { text: writeTypes(schemas), names };
}

/** Callers have objects of types that are no records, such as the schemas that libraries declare. */
const forCallers = ({ text, names }: Written): Written => ({
  text: text.replaceAll("Record<string, unknown>", "object"),
  names,
});

/** Sources whose declarations the package has as they are; those of others are written out in their place. */
const declared = [
  "src/client/metropolis-client.ts",
  "src/client/client-error.ts",
  "src/client/types.ts",
  "src/server/watch/revision.ts",
];
/** In the package files stand side by side, and what revisions are made of is among the client's types. */
const movedTo: Readonly<Record<string, string>> = { messages: "types" };

async function declare(source: string): Promise<string> {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(
    await readFile(new URL(`../${source}`, import.meta.url), "utf8"),
    {
      fileName: source,
      reportDiagnostics: true,
      compilerOptions: { isolatedDeclarations: true, strict: true },
    },
  );
  if (diagnostics.length > 0) {
    const host = { getCanonicalFileName: String, getCurrentDirectory: () => ".", getNewLine: () => "\n" };
    throw new Error(ts.formatDiagnostics(diagnostics, host));
  }
  return outputText.replaceAll(
    /(?<= from ")[^"]*?([\w-]+)\.ts(?=")/g,
    (_, name: string) => `./${movedTo[name] ?? name}.js`,
  );
}
