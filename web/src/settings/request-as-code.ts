import type { CompleteRequest } from "../../../src/client/client.ts";

export interface CodeContext {
  /** Of the server, with a slash at its end. */
  readonly baseUrl: string;
  readonly model: string;
  readonly wantsKey: boolean;
}

export const languages = ["curl", "Python", "TypeScript"] as const;
export type Language = (typeof languages)[number];

/** Fields that OpenAI's SDK for Python has for POST /v1/completions; it sends others as `extra_body`. */
const openaiFields = new Set(["prompt", "max_tokens", "seed", "temperature", "top_p"]);

/** A request as a program that sends it. The key itself is never in it. */
export function asCode(language: Language, request: CompleteRequest, context: CodeContext): string {
  const body = { model: context.model, ...request };
  switch (language) {
    case "curl":
      return curl(body, context);
    case "Python":
      return python(body, context);
    case "TypeScript":
      return typeScript(request, context);
  }
}

function curl(body: object, { baseUrl, wantsKey }: CodeContext): string {
  const quoted = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  const key = wantsKey ? ` \\\n  -H "authorization: Bearer $METROPOLIS_API_KEY"` : "";
  return `curl ${baseUrl}v1/completions \\\n  -H 'content-type: application/json'${key} \\\n  -d '${quoted}'`;
}

function python(body: object, { baseUrl, wantsKey }: CodeContext): string {
  const entries = Object.entries(body).filter(([, value]) => value !== undefined);
  const own = entries.filter(([name]) => name === "model" || openaiFields.has(name));
  const others = entries.filter(([name]) => name !== "model" && !openaiFields.has(name));
  const key = wantsKey ? 'os.environ["METROPOLIS_API_KEY"]' : '"unused"';
  const extra = others.length === 0 ? [] : [`    extra_body=${pythonOf(Object.fromEntries(others))},`];
  return [
    ...(wantsKey ? ["import os"] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${pythonOf(`${baseUrl}v1`)}, api_key=${key})`,
    "answer = client.completions.create(",
    ...own.map(([name, value]) => `    ${name}=${pythonOf(value)},`),
    ...extra,
    ")",
    "print(answer.choices[0].text)",
  ].join("\n");
}

/** A value of JSON as Python writes it; JSON's strings are Python's, but for lone surrogates. */
function pythonOf(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([name, part]) => `${pythonOf(name)}: ${pythonOf(part)}`);
    return `{${entries.join(", ")}}`;
  }
  return JSON.stringify(value);
}

function typeScript(request: CompleteRequest, { baseUrl, wantsKey }: CodeContext): string {
  const key = wantsKey ? ", apiKey: process.env.METROPOLIS_API_KEY" : "";
  return [
    'import { MetropolisClient } from "metropolis-client";',
    "",
    `const client = new MetropolisClient({ baseUrl: ${JSON.stringify(baseUrl)}${key} });`,
    `const { choices } = await client.complete(${JSON.stringify(request, null, 2)});`,
    "console.log(choices[0]?.text);",
  ].join("\n");
}
