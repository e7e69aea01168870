import { readFileSync } from "node:fs";
import { marked } from "marked";
import type { Tokens } from "marked";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { serveOptions } from "../../src/commands/serve-options.ts";
import type { TokenIds } from "../../src/core/tokens.ts";
import { ChatTemplate } from "../../src/decoder/chat-template.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { LocalPromptEncoder } from "../../src/decoder/prompts/local-prompt-encoder.ts";
import { Tokenizer } from "../../src/decoder/tokenizer.ts";
import { namesHere } from "../../src/server/schemas/foreign-names.ts";
import { addedToken, byteTokenizerJson } from "../support/byte-tokenizer.ts";
import { createTestApp } from "../support/embedded.ts";
import { createToyEngine } from "../support/toy-engine.ts";
import { createToyModel } from "../support/toy-model.ts";

/** The tables of docs/migrating.md, row by row: what each says of a request is what the server does with it. */

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** What stands in code in a cell. */
const codeIn = ({ tokens }: Tokens.TableCell): string[] =>
  tokens.flatMap((token) => (token.type === "codespan" ? [(token as Tokens.Codespan).text] : []));

const tables = marked
  .lexer(read("docs/migrating.md"))
  .filter((token): token is Tokens.Table => token.type === "table");
const rowsOf = (first: string): Tokens.TableCell[][] =>
  tables.filter(({ header }) => header[0]!.text === first).flatMap(({ rows }) => rows);

const json = { ...byteTokenizerJson(), added_tokens: [addedToken(256, "<eos>")] };

/** A toy whose chat template has tools: its weights are random, and its tokens are bytes. */
function createToyCompleter(): LocalCompleter {
  const prompts = new LocalPromptEncoder(
    () => json,
    new ChatTemplate(read("templates/chatml-tools.jinja"), { bos_token: "", eos_token: "<eos>" }),
  );
  const model = {
    id: "toy",
    endTokenIds: [256],
    defaults: { maxTokens: undefined, alpha: 2, mcmcSteps: 2, blockSize: undefined },
    description: undefined,
    examplePrompts: [],
  };
  const toy = createToyModel({ vocabularySize: 257, endBias: 5, scale: 2 });
  // ASCII alone: a toy's memory takes the last byte for garbage.
  const ascii = { ...toy, logits: (prefix: TokenIds) => toy.logits(prefix).fill(-1000, 128, 256) };
  const engine = createToyEngine({ model: ascii, capacity: 4096 });
  return new LocalCompleter({ model, tokenizer: new Tokenizer(json, {}), prompts }, engine, {
    earlyRejection: true,
    prefetch: false,
    memo: undefined,
  });
}

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp({ completer: createToyCompleter() });
});
afterAll(() => server[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly text: string;
}

const bodies = {
  completions: { url: "/v1/completions", body: { prompt: "1+1=", max_tokens: 64, seed: 1 } },
  chats: {
    url: "/v1/chat/completions",
    body: { messages: [{ role: "user", content: "1+1=" }], max_tokens: 64, seed: 1 },
  },
  responses: { url: "/v1/responses", body: { input: "1+1=", max_output_tokens: 64, seed: 1 } },
};

/** Without what no two answers have alike. */
const choicesOf = ({ text }: Answer): unknown => (JSON.parse(text) as { choices: unknown }).choices;

const errorOf = ({ text }: Answer): { param: string | null; message: string } =>
  (JSON.parse(text) as { error: { param: string | null; message: string } }).error;

/** Fields, and options of serve, that the refusal of an unknown field says to use: "Here n_predict is set by max_tokens." */
const pointedAt = ({ message }: { message: string }): string[] =>
  [...message.matchAll(/ is set by (?:serve )?([\w-]+)/g)].map(([, ours]) => ours!);

const isMembers = (code: string): boolean => /^\w+: /.test(code);
const membersOf = (code: string): object => parse(`{${code}}`) as object;

const fieldRows = rowsOf("field").flatMap(([field, where, verdict, instead]) => {
  const endpoints = where!.text === "both" ? (["completions", "chats"] as const) : [where!.text as "chats"];
  return endpoints.map((endpoint) => ({
    name: `${codeIn(field!).join(", ")} of ${endpoint}: ${verdict!.text}`,
    requests: codeIn(field!).map(membersOf),
    instead: codeIn(instead!).filter(isMembers).map(membersOf),
    options: codeIn(instead!).filter((code) => code.startsWith("--")),
    verdict: verdict!.text,
    ...bodies[endpoint],
  }));
});

describe("a field", () => {
  it.each(fieldRows)("$name", async ({ requests, instead, options, verdict, url, body }) => {
    const send = (members: object): Promise<Answer> => server.post(url, { ...body, ...members });
    const expectAnswer = (members: object, answer: Answer): void => {
      expect(answer.status, `${JSON.stringify(members)}: ${answer.text}`).toBe(200);
      // What fails in mid-stream says so there.
      expect(answer.text).not.toContain('{"error"');
    };
    expect(requests.length).toBeGreaterThan(0);
    for (const members of requests) {
      const answer = await send(members);
      if (verdict === "same") {
        expectAnswer(members, answer);
        expect(answer.text).not.toContain('"ignored"');
      } else if (verdict === "let be") {
        expectAnswer(members, answer);
        expect(choicesOf(answer)).toEqual(choicesOf(await send({})));
      } else {
        expect(["refused", "named otherwise"]).toContain(verdict);
        expect(answer.status, JSON.stringify(members)).toBe(400);
        const error = errorOf(answer);
        expect(Object.keys(members), answer.text).toContain(error.param!.split(".")[0]);
        const ours = pointedAt(error);
        expect([...instead.flatMap(Object.keys), ...options], error.message).toEqual(
          expect.arrayContaining(ours),
        );
        const isUnknown = error.message.startsWith("Unsupported field");
        if (isUnknown && verdict === "named otherwise") expect(ours, error.message).not.toEqual([]);
      }
    }
    if (verdict === "named otherwise") expect(instead.length).toBeGreaterThan(0);
    for (const members of instead) expectAnswer(members, await send(members));
  });
});

it("has every name that a refusal says ours of", () => {
  const { options, ...others } = Object.assign(
    {},
    ...fieldRows.flatMap(({ requests }) => requests),
  ) as Record<string, object>;
  expect(options).toBeDefined();
  const nested = fieldRows.flatMap(({ requests }) =>
    requests.flatMap((members) => ("options" in members ? Object.keys(members.options as object) : [])),
  );
  const routes = rowsOf("route")
    .flatMap(([route]) => codeIn(route!))
    .join(" ");
  const isTold = (name: string): boolean =>
    name in others || nested.includes(name) || routes.includes(`${name}: `);
  expect(Object.keys(namesHere).filter((name) => !isTold(name))).toEqual([]);
});

/** `POST /path {members}`: what stands in the place of {id} is the model's. */
async function ask(code: string): Promise<Answer> {
  const [, method, path, members = "{}"] = /^(GET|POST|DELETE) (\S+)(?: (\{.*\}))?$/.exec(code)!;
  const url = path!.replace("{id}", "toy");
  const reply = await server.app.inject({
    method: method as "GET",
    url,
    ...(method === "POST" ? { payload: parse(members) as object } : {}),
  });
  return { status: reply.statusCode, text: reply.body };
}

const isRoute = (code: string): boolean => /^(GET|POST|DELETE) \//.test(code);
const routeRows = rowsOf("route").map(([route, verdict, instead]) => ({
  name: `${codeIn(route!).join(", ")}: ${verdict!.text}`,
  routes: codeIn(route!),
  instead: codeIn(instead!).filter(isRoute),
  verdict: verdict!.text,
}));

describe("a route", () => {
  it.each(routeRows)("$name", async ({ routes, instead, verdict }) => {
    const status = { same: 200, refused: 400, "not there": 404 }[verdict];
    expect(status).toBeDefined();
    for (const route of routes) expect((await ask(route)).status, route).toBe(status);
    for (const route of instead) {
      const answer = await ask(route);
      // Without a body it is refused for what is missing, and there.
      const isAsked = route.startsWith("GET") || route.includes(" {");
      expect(answer.status, `${route}: ${answer.text}`).toBe(isAsked ? 200 : 400);
    }
  });
});

it("names options of serve that there are", () => {
  const known = serveOptions().map(({ long }) => long);
  // Those of others stand in the first column.
  const named = tables
    .flatMap(({ rows }) => rows)
    .flatMap(([, ...ours]) => ours.flatMap(codeIn))
    .filter((code) => code.startsWith("--"));
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((code) => !known.includes(code.split(" ")[0]))).toEqual([]);
});
