import type { ChatRequest, CompleteRequest } from "../../../src/client/client.ts";

/** What is asked, one after the other, by the route that answers it. */
export type Asked =
  | { readonly route: "completions"; readonly requests: readonly CompleteRequest[] }
  | { readonly route: "chat/completions"; readonly requests: readonly ChatRequest[] };

export interface CodeContext {
  /** Of the server, with a slash at its end. */
  readonly baseUrl: string;
  readonly model: string;
  readonly wantsKey: boolean;
}

export const languages = ["curl", "Python", "TypeScript"] as const;
export type Language = (typeof languages)[number];

/** How clients call a route, and where its choices have their text. */
const calls = {
  completions: { python: "completions.create", typeScript: "complete", text: "text" },
  "chat/completions": { python: "chat.completions.create", typeScript: "chat", text: "message.content" },
} as const;

/** Fields that OpenAI's SDK for Python has on both routes; it sends others as `extra_body`. */
const openaiFields = new Set([
  "model",
  "prompt",
  "messages",
  "max_tokens",
  "n",
  "seed",
  "temperature",
  "top_p",
]);

/** Requests as a program that sends them, and says what was answered. The key itself is never in it. */
export function asCode(language: Language, asked: Asked, context: CodeContext): string {
  switch (language) {
    case "curl":
      return curl(asked, context);
    case "Python":
      return python(asked, context);
    case "TypeScript":
      return typeScript(asked, context);
  }
}

function curl({ route, requests }: Asked, { baseUrl, model, wantsKey }: CodeContext): string {
  const key = wantsKey ? ` \\\n  -H "authorization: Bearer $METROPOLIS_API_KEY"` : "";
  const head = `curl ${quote(`${baseUrl}v1/${route}`)} \\\n  -H 'content-type: application/json'${key}`;
  return requests
    .map((request) => `${head} \\\n  -d ${quote(JSON.stringify({ model, ...request }, null, 2))}`)
    .join("\n\n");
}

/** A word of a shell's as it is. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function python({ route, requests }: Asked, { baseUrl, model, wantsKey }: CodeContext): string {
  const { python: call, text } = calls[route];
  const key = wantsKey ? 'os.environ["METROPOLIS_API_KEY"]' : '"unused"';
  return [
    ...(wantsKey ? ["import os"] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${pythonOf(`${baseUrl}v1`)}, api_key=${key})`,
    ...requests.flatMap((request) => [
      `answer = client.${call}(`,
      ...pythonArguments({ model, ...request }).map((argument) => `    ${argument},`),
      ")",
      "for choice in answer.choices:",
      `    print(choice.${text})`,
    ]),
  ].join("\n");
}

function pythonArguments(fields: object): string[] {
  const entries = Object.entries(fields);
  const own = entries.filter(([name]) => openaiFields.has(name));
  const others = entries.filter(([name]) => !openaiFields.has(name));
  return [
    ...own.map(([name, value]) => `${name}=${pythonOf(value)}`),
    ...(others.length === 0 ? [] : [`extra_body=${pythonOf(Object.fromEntries(others))}`]),
  ];
}

/** A value of JSON as Python writes it; JSON's strings are Python's, but for lone surrogates. */
function pythonOf(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([name, part]) => `${pythonOf(name)}: ${pythonOf(part)}`);
    return `{${entries.join(", ")}}`;
  }
  return JSON.stringify(value);
}

function typeScript({ route, requests }: Asked, { baseUrl, wantsKey }: CodeContext): string {
  const { typeScript: call, text } = calls[route];
  const key = wantsKey ? ", apiKey: process.env.METROPOLIS_API_KEY" : "";
  return [
    'import { MetropolisClient } from "metropolis-client";',
    "",
    `const client = new MetropolisClient({ baseUrl: ${JSON.stringify(baseUrl)}${key} });`,
    ...requests.flatMap((request) => [
      `for (const choice of (await client.${call}(${JSON.stringify(request, null, 2)})).choices)`,
      `  console.log(choice.${text});`,
    ]),
  ].join("\n");
}
