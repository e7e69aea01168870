import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configurations } from "../../src/evaluation/configurations.ts";
import { reportShape, samplerFields, samplerNames, samplers } from "../../src/samplers/registry.ts";
import type { FieldName, SamplerField } from "../../src/samplers/registry.ts";
import { createTestApp } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const fields = Object.entries<SamplerField>(samplerFields) as [FieldName, SamplerField][];

/** A value that changes something: the example may be one that samplers without the field let be. */
const tellingValues: Partial<Record<FieldName, unknown>> = {
  temperature: 0.5,
  top_p: 0.5,
  top_k: 2,
  min_p: 0.5,
  presence_penalty: 1,
  frequency_penalty: 1,
  repetition_penalty: 2,
  min_tokens: 1,
};
/** What a field needs beside it. */
const companions: Partial<Record<FieldName, object>> = {
  tries: { kernel: "multiple_try" },
  replicas: { kernel: "tempering" },
};

const ask = (body: object) =>
  server.post("/v1/completions", { prompt: "1+1=", max_tokens: 2, seed: 1, ...body });

describe.each(samplerNames)("sampler %s", (sampler) => {
  it.each(fields)("%s is taken or refused as declared", async (name, { users, example }) => {
    const body = { sampler, ...companions[name], [name]: tellingValues[name] ?? example };
    const reply = await ask(
      users.includes(sampler) ? body : { sampler, [name]: tellingValues[name] ?? example },
    );
    if (users.includes(sampler)) {
      expect(reply.status, reply.text).toBe(200);
      return;
    }
    expect(reply.status).toBe(400);
    const { error } = reply.json() as { error: { message: string; param: string } };
    expect(error.param).toBe(name);
    for (const user of users) expect(error.message).toContain(`'${user}'`);
  });

  it("lets neutral values of others' fields be, and nulls", async () => {
    for (const [name, { users, neutral = [] }] of fields) {
      if (users.includes(sampler)) continue;
      for (const value of [null, ...neutral]) {
        const reply = await ask({ sampler, [name]: value });
        expect(reply.status, `${name} ${String(value)}: ${reply.text}`).toBe(200);
      }
    }
  });

  it("reports under its own name just what its schema says", async () => {
    const reply = await ask({ sampler });
    const [choice] = (reply.json() as { choices: Record<string, unknown>[] }).choices;
    const { report } = samplers[sampler];
    const reported = Object.keys(choice!).filter((key) => key in reportShape);
    expect(reported).toEqual(report === undefined ? [] : [sampler]);
    if (report !== undefined) report.schema.parse(choice![sampler]);
  });

  it("answers to its name as a model's suffix", async () => {
    const reply = await ask({ model: `abacus:${sampler}` });
    expect(reply.status).toBe(200);
    const [choice] = (reply.json() as { choices: { text: string }[] }).choices;
    expect((await ask({ sampler })).json()).toMatchObject({ choices: [{ text: choice!.text }] });
  });

  it("can be swept", () => {
    const names = configurations([sampler], {}).map(({ name }) => name);
    expect(names).toEqual([sampler]);
  });
});

it("says of the fields in README's table what they declare", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const rows = Array.from(
    readme.matchAll(/^\| `(\w+)` +\| (\w.*?) +\| (.*?) +\|/gm),
    ([, ...cells]) => cells,
  );
  expect(rows.map(([name]) => name)).toEqual(["alpha", "max_evaluated_tokens"]);
  for (const [name, users, usual] of rows) {
    const field: SamplerField = samplerFields[name as FieldName];
    expect([users, usual], name).toEqual([field.users.join(", "), field.usual]);
  }
});
