import { jsonSchemaTransformObject } from "fastify-type-provider-zod";

/** The head of openapi.yaml; its paths come from the routes' schemas. */
export const apiInfo = {
  openapi: "3.1.0",
  info: {
    title: "Metropolis",
    version: "0.1.0",
    description:
      "OpenAI-compatible inference whose own sampler is power sampling: Metropolis-Hastings over whole completions, from p(x)^alpha of a base model.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "http://127.0.0.1:8000" }],
  components: {
    securitySchemes: {
      apiKey: {
        type: "http" as const,
        scheme: "bearer",
        description: "One of the server's API keys, where it was started with any.",
      },
    },
  },
  security: [{ apiKey: [] }, {}],
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
