import { describe, expect, it } from "vitest";
import { summary } from "../../../src/commands/watch.ts";
import { createTestApp } from "../../support/embedded.ts";

describe("what `metropolis watch` says at the end", () => {
  it("tells an answer that the server's end cut short", async () => {
    await using server = await createTestApp();
    const response = await server.complete({ prompt: "1+1=", sampler: "power", max_tokens: 4, seed: 1 });
    expect(summary({ response }, 1)).not.toContain("shut down");
    const [choice] = response.choices;
    const early = { ...response, choices: [{ ...choice!, ended_early: "shutdown" as const }] };
    expect(summary({ response: early }, 1)).toMatch(/The server shut down before the sampler was through/);
  });

  it("tells an exact draw from a chain that answered in its place, and a budget that ended either", async () => {
    await using server = await createTestApp();
    const prompt = "7-2*3+4=";
    const say = async (body: object): Promise<string> =>
      summary({ response: await server.complete({ prompt, seed: 3, ...body }) }, 3);
    const exact = await say({ sampler: "exact" });
    expect(exact).toMatch(
      /\nexact draw in 3 tries: log of the sum of p\(x\)\^alpha about -4.31, at most -4.16$/,
    );
    const hopeless = { sampler: "exact", max_tries: 1, fallback: "power" };
    const chain = await say(hopeless);
    expect(chain).toMatch(/\n160 steps: .*\nNo exact draw in 1 try: a chain answered/);
    expect(chain).not.toMatch(/\nexact draw/);
    expect(await say({ ...hopeless, max_tokens: 2 })).toMatch(/No exact draw.*\nThis chain reads as unmixed/);
    const spent = /\nThe budget was spent before the end\./;
    expect(await say({ sampler: "power", max_evaluated_tokens: 9 })).toMatch(spent);
    expect(await say({ sampler: "smc", max_evaluated_tokens: 9 })).toMatch(spent);
    expect(await say({ sampler: "maximize", max_evaluated_tokens: 9 })).toMatch(spent);
    expect(exact + chain).not.toMatch(spent);
  });
});
