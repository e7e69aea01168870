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
