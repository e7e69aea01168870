import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createTestApp, parseEvents, parseNamedEvents } from "../support/embedded.ts";
import { schemaArbitrary } from "../support/schema-arbitrary.ts";
import type { JsonSchema } from "../support/schema-arbitrary.ts";

/** Generated requests over openapi.yaml: whatever is asked, an answer or a named fault; nothing lost, nothing hangs. */

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
}

interface Specification {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

interface GeneratedRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly url: string;
  readonly payload?: unknown;
}

const requests = 10_000;
const atOnce = 50;

const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("7-2*3+4=", "1+1=", "abacus", "#", ";") },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
);

/** Fields whose whole range would take hours: their borders are tested by name elsewhere. */
const fields = {
  n: fc.constantFrom(1, 1, 1, 2, 3, 0, -1, 129, null, "1"),
  best_of: fc.constantFrom(1, 2, 3, 0, 129, null),
  select: fc.constantFrom("logprob", "self_certainty", "vote", "likeliest", null),
  select_answer: fc.constantFrom("last_number", "json", { type: "regex", pattern: "#(.*" }, 3, null),
  vote_confidence: fc.constantFrom(0.5, 0.9, 1, 2, null),
  mcmc_steps: fc.constantFrom(0, 1, 2, 5, -1, 10_001, 1.5, null),
  particles: fc.constantFrom(2, 3, 8, 1, 257, null),
  max_tokens: fc.constantFrom(0, 1, 2, 8, 48, 249, 300, -1, 2 ** 53, null, "8"),
  max_output_tokens: fc.constantFrom(1, 8, 0, 300, null),
  previous_response_id: fc.constantFrom("resp_0", null, null),
  max_completion_tokens: fc.constantFrom(1, 8, 0, 300, null),
  model: fc.constantFrom(
    "abacus",
    "abacus:power",
    "abacus:greedy",
    "abacus:low_temperature",
    "abacus:smc",
    null,
    "gpt-4",
    7,
  ),
};

async function requestArbitrary(): Promise<fc.Arbitrary<GeneratedRequest>> {
  const specification = parse(
    await readFile(new URL("../../openapi.yaml", import.meta.url), "utf8"),
  ) as Specification;
  const resolve = (reference: string): JsonSchema =>
    specification.components.schemas[reference.split("/").at(-1)!]!;
  const operations = Object.entries(specification.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): fc.Arbitrary<GeneratedRequest> => {
      const url = fc
        .constantFrom("abacus", "abacus:power", "nobody", "%00", "..%2f")
        .map((id) => path.replace("{id}", id));
      if (method === "get") return url.map((url) => ({ method: "GET", url }));
      if (method === "delete") return url.map((url) => ({ method: "DELETE", url }));
      if (operation.requestBody === undefined) return url.map((url) => ({ method: "POST", url }));
      const schema = operation.requestBody.content["application/json"]!.schema;
      const payload = schemaArbitrary(schema, { resolve, text, fields });
      return payload.map((payload) => ({ method: "POST", url: path, payload }));
    }),
  );
  expect(operations.length).toBeGreaterThan(8);
  // Generating endpoints are where the fields are.
  const weighted = operations.map((arbitrary) => ({ weight: 1, arbitrary }));
  const generating = Object.keys(specification.paths).flatMap((path, index) =>
    path.endsWith("completions") || path.endsWith("responses")
      ? [{ weight: 20, arbitrary: operations[index]! }]
      : [],
  );
  return fc.oneof(...weighted, ...generating);
}

describe("10,000 generated requests", () => {
  it("give no 5xx, no hang, no leak, and always a named fault", async () => {
    await using server = await createTestApp();
    const generated = fc.sample(await requestArbitrary(), { numRuns: requests, seed: 20_261_124 });
    const statuses = new Map<number, number>();
    const send = async ({ method, url, payload }: GeneratedRequest): Promise<void> => {
      const reply = await server.app.inject({
        method,
        url,
        ...(payload === undefined
          ? {}
          : { payload: JSON.stringify(payload), headers: { "content-type": "application/json" } }),
      });
      const what = `${method} ${url} ${JSON.stringify(payload)} -> ${reply.body.slice(0, 500)}`;
      statuses.set(reply.statusCode, (statuses.get(reply.statusCode) ?? 0) + 1);
      expect(reply.statusCode, what).toBeLessThan(500);
      if (reply.statusCode >= 400) {
        const { error } = reply.json<{ error: Record<string, unknown> }>();
        expect(error, what).toMatchObject({ message: expect.stringMatching(/\w/) as unknown });
        expect(Object.keys(error).sort(), what).toEqual(["code", "message", "param", "type"]);
      } else if (String(reply.headers["content-type"]).startsWith("text/event-stream")) {
        const isNamed = reply.body.startsWith("event:");
        const events = isNamed ? parseNamedEvents(reply.body) : parseEvents(reply.body);
        for (const event of events) expect(event, what).not.toHaveProperty("error");
        if (isNamed) expect(events.at(-1), what).toMatchObject({ response: { error: null } });
      }
    };
    for (let start = 0; start < requests; start += atOnce) {
      await Promise.all(generated.slice(start, start + atOnce).map(send));
    }
    // Both kinds of outcome are there in numbers, or the generator explores nothing.
    expect(statuses.get(200)).toBeGreaterThan(1000);
    expect(statuses.get(400)).toBeGreaterThan(1000);
    expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(requests);
    expect(await server.completer.health()).toMatchObject({
      status: "ok",
      details: { lanes: { leased: 0 }, sequences: { open: 0, waiting: 0 } },
    });
    const metrics = await server.app.inject({ url: "/metrics" });
    expect(metrics.body).toContain("metropolis_num_requests_running 0\n");
  });
});
