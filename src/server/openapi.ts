import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { stringify } from "yaml";
import type { ScalarTag } from "yaml";
import { version } from "../core/version.ts";

/** The head of openapi.yaml; its paths come from the routes' schemas. */
export const apiInfo = {
  openapi: "3.1.0",
  info: {
    title: "Metropolis",
    version,
    description:
      "An inference server with OpenAI's API, which can also answer by power sampling: it writes an answer, then rewrites parts of it, so that whole answers come up in proportion to p(x)^alpha, their probability to the power alpha. `sampler: \"power\"` in a request asks for it, or a model's name with `:power` behind it. A key is needed only where the server was started with keys.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "http://127.0.0.1:8000" }],
  // As seen from the server's address, wherever a proxy puts it.
  externalDocs: { url: ".", description: "The playground shows how it works." },
  components: {
    securitySchemes: {
      apiKey: {
        type: "http" as const,
        scheme: "bearer",
        description:
          "One of the server's API keys. Needed only where it was started with keys; else every call works without.",
      },
    },
  },
  security: [{ apiKey: [] }, {}],
};

interface Answers {
  readonly response?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { example?: unknown }>> }>
  >;
}

/** Writes out a route's schemas, with the examples that stand beside those of its answers: the library leaves them out. */
export const transform: typeof jsonSchemaTransform = (input) => {
  const route = jsonSchemaTransform(input);
  const given = (input.schema as Answers | undefined)?.response ?? {};
  const written = (route.schema as Answers | undefined)?.response ?? {};
  for (const [status, { content = {} }] of Object.entries(given)) {
    for (const [type, { example }] of Object.entries(content)) {
      const media = written[status]?.content?.[type];
      if (media !== undefined && example !== undefined) media.example = example;
    }
  }
  return route;
};

/** Writes out the named schemas, only those that something refers to: the library lists each for input and output. */
export const transformObject: typeof jsonSchemaTransformObject = (input) => {
  const document = jsonSchemaTransformObject(input);
  const schemas = "components" in document ? document.components.schemas : undefined;
  if (schemas === undefined) return document;
  const isUsed = (name: string): boolean =>
    JSON.stringify(document).includes(`"#/components/schemas/${name}"`);
  for (;;) {
    const unused = Object.keys(schemas).filter((name) => !isUsed(name));
    if (unused.length === 0) return document;
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- names of schemas
    for (const name of unused) delete schemas[name];
  }
};

/** In YAML 1.1 a lone `=` is a value of its own, which PyYAML does not read. It is quoted as what else is no string. */
const lone: ScalarTag = {
  tag: "tag:yaml.org,2002:value",
  default: true,
  test: /^=$/,
  resolve: (text) => text,
};

/** A document in YAML 1.2 that reads the same in YAML 1.1, of which are PyYAML and many others. */
export const toYaml = (document: object): string =>
  stringify(document, {
    lineWidth: 110,
    aliasDuplicateObjects: false,
    compat: "yaml-1.1",
    customTags: (tags) => [...tags, lone],
  });
