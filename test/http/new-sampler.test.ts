/**
 * A sampler that is added to the two lists (declarations, decoders), and nowhere else, is refused, run, reported,
 * counted, swept, offered and documented.
 */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { z } from "zod";
import { fieldControls, samplerChoices } from "../../src/client/client.ts";
import { configurations } from "../../src/evaluation/configurations.ts";
import type { DecodeContext } from "../../src/samplers/decoder.ts";
import type { SamplerName } from "../../src/samplers/registry.ts";
import { fieldsTable } from "../../scripts/fields-table.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

/** Draws among so many of the likeliest tokens. */
const ranked = vi.hoisted(() => "ranked" as SamplerName);

vi.mock("../../src/samplers/declarations.ts", async (original) => {
  const { field } = await import("../../src/samplers/field.ts");
  const { runFields, reportOf } = await import("../../src/samplers/report.ts");
  const { declareSampler } = await import("../../src/samplers/sampler.ts");
  const { declarations } = await original<typeof import("../../src/samplers/declarations.ts")>();
  const declared = declareSampler({
    label: "Ranked",
    summary: "one of the likeliest tokens each time",
    fields: {
      rank: field(z.number().int().min(1, "rank must be at least 1").max(64), {
        meaning: "How many of the likeliest tokens.",
        usual: "2",
        example: 2,
        label: "Rank",
      }),
    },
    report: reportOf({
      schema: z.object({ rank: z.number(), ...runFields }).meta({ id: "RankedReport" }),
      example: { rank: 2 },
      counters: [{ name: "ranks_total", help: "Ranks taken.", count: ({ rank }) => rank }],
    }),
    settle: ({ rank = 2 }) => ({ rank }),
    inverseTemperature: () => 1,
  });
  return { declarations: { ...declarations, [ranked]: declared } };
});

vi.mock("../../src/samplers/decoders.ts", async (original) => {
  const { decoders } = await original<typeof import("../../src/samplers/decoders.ts")>();
  const { reportCost } = await import("../../src/samplers/report.ts");
  const { tokenByToken } = await import("../../src/samplers/token-by-token.ts");
  async function* decodeRanked(context: DecodeContext<{ readonly rank: number }>) {
    const { rank } = context.settings;
    yield* tokenByToken(() => ({ topK: rank }))(context);
    const evaluated = context.evaluatedTokens();
    const cost = reportCost({ drawnTokens: evaluated, rememberedTokens: 0 }, evaluated);
    return { report: { rank, logprob: -1, ...cost, budget_exhausted: false } };
  }
  return { decoders: { ...decoders, [ranked]: decodeRanked } };
});

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = (body: object) => server.post("/v1/completions", { prompt: "1+1=", max_tokens: 3, ...body });

it("runs by field and by the model's suffix, with its default", async () => {
  for (const body of [{ sampler: ranked }, { model: `abacus:${ranked}` }]) {
    const reply = await ask(body);
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json()).toMatchObject({ choices: [{ ranked: { rank: 2, drawn_tokens: 3 } }] });
  }
  const chunks = parseEvents((await ask({ sampler: ranked, rank: 3, stream: true })).text);
  expect(chunks.at(-1)).toMatchObject({ choices: [{ ranked: { rank: 3 } }] });
});

it("is refused others' fields, its own with others, and bad values", async () => {
  const refusal = async (body: object) => {
    const { status, ...reply } = await ask(body);
    return [status, (reply.json() as { error: { param: string } }).error.param];
  };
  expect(await refusal({ sampler: ranked, alpha: 2 })).toEqual([400, "alpha"]);
  expect(await refusal({ sampler: "power", rank: 2 })).toEqual([400, "rank"]);
  expect(await refusal({ sampler: ranked, rank: 0 })).toEqual([400, "rank"]);
});

it("is counted", async () => {
  const before = await server.app.inject("/metrics");
  await ask({ sampler: ranked, rank: 5 });
  const after = await server.app.inject("/metrics");
  const count = (text: string): number => Number(/^metropolis_ranks_total (\d+)$/m.exec(text)![1]);
  expect(count(after.body) - count(before.body)).toBe(5);
});

it("is swept by the evaluation", () => {
  expect(configurations([ranked], { rank: [1, 2] }).map(({ name }) => name)).toEqual([
    "ranked, rank 1",
    "ranked, rank 2",
  ]);
});

it("is offered by the playground", () => {
  expect(samplerChoices.find(({ name }) => name === ranked)).toMatchObject({ label: "Ranked" });
  const control = fieldControls.find(({ name }) => name === ("rank" as never));
  expect(control).toMatchObject({
    users: [ranked],
    value: { type: "number", least: 1, most: 64, isInteger: true },
  });
});

it("is documented", async () => {
  await server.app.ready();
  const document = JSON.stringify(server.app.swagger());
  expect(document).toContain("`ranked`: one of the likeliest tokens each time.");
  expect(document).toContain("ranked: how many of the likeliest tokens. Default: 2.");
  expect(document).toContain("#/components/schemas/RankedReport");
  expect(fieldsTable()).toContain("| `rank` | ranked | 2 | How many of the likeliest tokens. |");
  const models = (await server.app.inject("/v1/models")).body;
  expect(models).toContain(`abacus:${ranked}`);
});
