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
});
