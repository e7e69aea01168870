import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse, parseDocument, visit as visitNodes } from "yaml";
import { toYaml } from "../../src/server/openapi.ts";
import { createTestApp } from "../support/embedded.ts";

interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Failure {
  readonly content: { readonly "application/json": { readonly example: object } };
}

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly example?: string }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, object>>;
}

interface Provoked {
  readonly what: string;
  /** As the document has it; of completions when left out. */
  readonly route?: string;
  readonly options?: Parameters<typeof createTestApp>[0];
  readonly request?: {
    readonly method?: "GET";
    readonly url?: string;
    readonly headers?: Record<string, string>;
    readonly payload?: string | object;
  };
  readonly status: number;
}

/** More than can be done at once. */
const slow = { prompt: "7-2*3+4=", sampler: "power", mcmc_steps: 10_000 };

describe("openapi.yaml", () => {
  it("describes every field of every request and answer, with an example", async () => {
    await using server = await createTestApp();
    await server.app.ready();
    const { paths, components } = server.app.swagger() as unknown as Document;
    const missing: string[] = [];
    const visit = (schema: Schema, path: string): void => {
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        const named =
          property.$ref === undefined ? property : components.schemas[property.$ref.split("/").at(-1)!];
        const has = (key: "description" | "examples") => (property[key] ?? named?.[key]) !== undefined;
        if (!has("description") || !has("examples")) missing.push(`${path}.${name}`);
        visit(property, `${path}.${name}`);
      }
      if (schema.items !== undefined) visit(schema.items, `${path}[]`);
      for (const one of schema.anyOf ?? schema.oneOf ?? []) visit(one, path);
    };
    for (const [name, schema] of Object.entries(components.schemas)) visit(schema, name);
    expect(missing).toEqual([]);
    expect(Object.keys(components.schemas).length).toBeGreaterThan(12);
    for (const methods of Object.values(paths)) {
      for (const operation of Object.values(methods)) expect(operation).toHaveProperty("summary");
    }
  });

  it("has an example of every body that the server answers as documented, and each status by itself", async () => {
    await using server = await createTestApp();
    await server.app.ready();
    const { paths, components } = server.app.swagger() as unknown as Document;
    let posted = 0;
    for (const [url, methods] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const { requestBody, responses } = operation as Operation;
        expect(Object.keys(responses).filter((status) => !/^[1-5]\d\d$/.test(status))).toEqual([]);
        if (requestBody === undefined) continue;
        const { $ref } = requestBody.content["application/json"].schema;
        const { examples = [] } = components.schemas[$ref!.split("/").at(-1)!]!;
        expect({ url, examples: examples.length }).not.toEqual({ url, examples: 0 });
        for (const payload of examples) {
          const reply = await server.app.inject({
            url,
            method: method as "post",
            payload: payload as object,
          });
          expect({ url, payload, status: reply.statusCode }).toEqual({ url, payload, status: 200 });
          expect(responses).toHaveProperty("200");
          posted++;
        }
      }
    }
    expect(posted).toBeGreaterThanOrEqual(6);
  });

  /** Each status, provoked: what the document shows of it is what the server says, whichever numbers are in it. */
  it.each([
    { what: "an unknown field", request: { payload: { prompt: "1+1=", temprature: 1 } }, status: 400 },
    { what: "no key", options: { apiKeys: ["secret"] }, status: 401 },
    { what: "another model", request: { payload: { prompt: "1+1=", model: "gpt-4" } }, status: 404 },
    {
      what: "another model's entry",
      route: "/v1/models/{id}",
      request: { method: "GET", url: "/v1/models/gpt-4" },
      status: 404,
    },
    {
      what: "another response",
      route: "/v1/responses/{id}",
      request: { method: "GET", url: "/v1/responses/resp_0" },
      status: 404,
    },
    {
      what: "no path",
      route: "/v1/models/{id}",
      request: { method: "GET", url: "/v1/models/%zz" },
      status: 400,
    },
    { what: "too large a body", options: { bodyLimit: 8 }, status: 413 },
    {
      what: "another type",
      request: { payload: "x", headers: { "content-type": "text/plain" } },
      status: 415,
    },
    { what: "another host", request: { headers: { host: "example.com" } }, status: 421 },
    {
      what: "too few tries",
      request: { payload: { prompt: "1+1=", sampler: "exact", alpha: 1000, max_tries: 1 } },
      status: 422,
    },
    {
      what: "no upgrade",
      route: "/v1/completions/ws",
      request: { method: "GET", url: "/v1/completions/ws" },
      status: 426,
    },
    { what: "too many requests", options: { requestsPerMinute: 0 }, status: 429 },
    { what: "too long a time", options: { requestTimeoutMs: 1 }, request: { payload: slow }, status: 504 },
  ] as const satisfies readonly Provoked[])(
    "shows of $status what is said to $what",
    async ({ route = "/v1/completions", options, request, status }: Provoked) => {
      await using server = await createTestApp(options);
      const asked = { method: "POST", url: route, payload: { prompt: "1+1=" }, ...request } as const;
      const reply = await server.app.inject(asked);
      expect(reply.statusCode).toBe(status);
      const { paths } = server.app.swagger() as unknown as Document;
      const { responses } = paths[route]![asked.method.toLowerCase()] as Operation;
      const { example } = (responses[status] as Failure).content["application/json"];
      const withoutNumbers = (body: string): unknown => JSON.parse(body.replaceAll(/-?\d+(\.\d+)?/g, "0"));
      expect(withoutNumbers(JSON.stringify(example))).toEqual(withoutNumbers(reply.body));
    },
  );

  it("has examples of parameters that a response that is there answers", async () => {
    await using server = await createTestApp();
    await server.app.ready();
    const { paths } = server.app.swagger() as unknown as Document;
    const create = async (): Promise<string> => {
      const reply = await server.post("/v1/responses", { input: "7-2*3+4=", background: true });
      return (reply.json() as { id: string }).id;
    };
    const asked: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      if (!path.startsWith("/v1/responses/{id}")) continue;
      for (const [method, operation] of Object.entries(methods)) {
        const { parameters = [] } = operation as Operation;
        const query = parameters.flatMap(({ in: place, name, example }): [string, string][] =>
          place === "query" && example !== undefined ? [[name, example]] : [],
        );
        const url = `${path.replace("{id}", await create())}?${new URLSearchParams(query).toString()}`;
        const reply = await server.app.inject({ method: method as "get", url });
        expect({ url, body: reply.body, status: reply.statusCode }).toMatchObject({ status: 200 });
        asked.push(method);
      }
    }
    expect(asked.toSorted()).toEqual(["delete", "get", "get", "post"]);
  });

  it("lists the WebSocket, and shows of an answer what a chain reports", async () => {
    await using server = await createTestApp();
    await server.app.ready();
    const { paths, components } = server.app.swagger() as unknown as Document;
    expect(Object.keys((paths["/v1/completions/ws"]!.get as Operation).responses)).toEqual(
      expect.arrayContaining(["101", "426"]),
    );
    const reply = await server.app.inject({ url: "/v1/completions/ws" });
    expect(reply.statusCode).toBe(426);
    for (const name of ["CompletionResponse", "ChatResponse"]) {
      const { examples } = components.schemas[name]!.properties!.choices!;
      expect(examples).toEqual([[expect.objectContaining({ power: expect.any(Object) as object })]]);
    }
  });

  it.each([
    ["/v1/completions", "CompletionRequestInput", "CompletionResponse"],
    ["/v1/chat/completions", "ChatRequestInput", "ChatResponse"],
  ])("has for %s the answer that its example of a request gets", async (url, request, response) => {
    await using server = await createTestApp();
    await server.app.ready();
    const { schemas } = (server.app.swagger() as unknown as Document).components;
    const payload = schemas[request]!.examples![0] as object;
    const [example] = schemas[response]!.examples as [{ id: string; created: number }];
    const reply = await server.app.inject({ url, method: "POST", payload });
    const answer = reply.json<{ id: string }>();
    const nearly = (_: string, value: unknown): unknown =>
      typeof value === "number" ? Number(value.toFixed(3)) : value;
    const round = (value: object): unknown => JSON.parse(JSON.stringify(value, nearly));
    expect(answer.id.split("-")[0]).toBe(example.id.split("-")[0]);
    expect(round({ ...answer, id: "", created: 0 })).toEqual(round({ ...example, id: "", created: 0 }));
  });

  it("asks one sum in all its examples, which is the README's", async () => {
    await using server = await createTestApp();
    await server.app.ready();
    const sums = JSON.stringify(server.app.swagger()).match(/\b\d(?:[-+*]\d){2,}=(?=")/g) ?? [];
    const [sum, ...others] = new Set(sums);
    expect(others).toEqual([]);
    expect(await readFile(new URL("../../README.md", import.meta.url), "utf8")).toContain(
      `"prompt": "${sum!}"`,
    );
  });

  it("shows locks and asks for keys only where there are some", async () => {
    await using open = await createTestApp();
    await using locked = await createTestApp({ apiKeys: ["secret"] });
    const styleOf = async ({ app }: typeof open) =>
      (await app.inject({ url: "/docs/static/theme/ours.css" })).body;
    expect(await styleOf(open)).toContain(".authorization__btn");
    expect(await styleOf(locked)).not.toContain(".authorization__btn");
  });

  it("names /metrics and itself as what they are", async () => {
    await using server = await createTestApp();
    for (const path of ["/metrics", "/openapi.yaml", "/docs/yaml"]) {
      const reply = await server.app.inject({ url: path });
      const { paths } = server.app.swagger() as unknown as Document;
      const response = (paths[path]?.get as { responses: { 200: { content: object } } } | undefined)
        ?.responses[200];
      if (response !== undefined)
        expect(Object.keys(response.content)).toEqual([reply.headers["content-type"]]);
      if (path === "/metrics") continue;
      expect(reply.headers["content-type"]).toBe("application/yaml");
      // Relative to the document.
      const url = path === "/docs/yaml" ? ".." : ".";
      expect(parse(reply.body)).toEqual({ ...(server.app.swagger() as object), servers: [{ url }] });
    }
  });

  it("reads the same in YAML 1.1 as in 1.2, and holds no plain `=`", async () => {
    const text = await readFile(new URL("../../openapi.yaml", import.meta.url), "utf8");
    expect(parse(text, { version: "1.1" })).toEqual(parse(text));
    const plain: unknown[] = [];
    visitNodes(parseDocument(text), {
      Scalar: (_key, node) => {
        if (node.type === "PLAIN") plain.push(node.value);
      },
    });
    expect(plain).not.toContain("=");
    expect(plain.length).toBeGreaterThan(1000);
  });

  it("is written so that no string reads as another value", () => {
    const traps = [
      ...["=", "<<", "yes", "no", "On", "off", "y", "N", "~", "null", "Null", "true", ".inf", ".nan", ""],
      ...[
        "1:30",
        "-190:20:30",
        "017",
        "0o17",
        "0x1F",
        "0b101",
        "1_000",
        "+1",
        "1e3",
        ".5",
        "1.",
        "685_230.15",
      ],
      ...[
        "2001-12-14",
        "2001-12-14t21:59:43.10-05:00",
        "- a",
        "a: b",
        "# c",
        "%d",
        "@e",
        "`f",
        "!g",
        "&h",
        "*i",
      ],
      ...["a\nb", " c ", "\t", "\u0085", "\u2028", "\u0007", "é", "🎲"],
    ];
    const document = { list: traps, keys: Object.fromEntries(traps.map((trap) => [trap, 1])) };
    const text = toYaml(document);
    for (const version of ["1.1", "1.2"] as const) expect(parse(text, { version })).toEqual(document);
    expect(text).toContain('- "="');
  });
});
