import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { createTestApp } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";

const complete = (body: object) => server.complete({ prompt, ...body });
const refuse = (body: object) => server.refuse({ prompt, ...body });

describe("the kernels of power sampling", () => {
  it.each([
    { cut: "entropy" },
    { kernel: "multiple_try" },
    { kernel: "multiple_try", tries: 2, cut: "entropy" },
    { kernel: "tempering" },
    { kernel: "tempering", replicas: 2, proposal_temperature: 0.5 },
  ])("answer with %j, the same for a seed, by another chain than the default", async (choice) => {
    const body = { sampler: "power", n: 8, seed: 3, ...choice };
    const [first, again, plain] = [
      await complete(body),
      await complete(body),
      await complete({ sampler: "power", n: 8, seed: 3 }),
    ];
    expect(again.choices.map(({ text }) => text)).toEqual(first.choices.map(({ text }) => text));
    for (const { power, text } of first.choices) {
      expect(text).toMatch(/#\d+$/);
      const { steps, accepted, rejected, rejected_early, unchanged } = power!;
      expect(accepted + rejected + rejected_early + unchanged).toBe(steps);
    }
    const drawnOf = ({ choices }: CompletionResponse) => choices.map(({ power }) => power!.drawn_tokens);
    expect(drawnOf(first)).not.toEqual(drawnOf(plain));
  });

  it("report the swaps of tempering, and of tempering alone", async () => {
    const [choice] = (await complete({ sampler: "power", seed: 1, kernel: "tempering", replicas: 4 }))
      .choices;
    expect(choice!.power!.swaps_proposed).toBe(160 * 3);
    expect(choice!.power!.swaps_accepted).toBeGreaterThan(0);
    const [plain] = (await complete({ sampler: "power", seed: 1 })).choices;
    expect(plain!.power).not.toHaveProperty("swaps_proposed");
  });

  it("default to what openapi.yaml says", async () => {
    const chain = async (body: object) => (await complete({ sampler: "power", seed: 5, ...body })).choices;
    const same = async (written: object, implied: object): Promise<void> => {
      const [a, b] = [await chain(written), await chain(implied)];
      expect(a[0]!.power!.drawn_tokens).toBe(b[0]!.power!.drawn_tokens);
      expect(a[0]!.text).toBe(b[0]!.text);
    };
    await same({ kernel: "single_try", cut: "uniform" }, {});
    await same({ kernel: "multiple_try", tries: 4 }, { kernel: "multiple_try" });
    await same({ kernel: "tempering", replicas: 3, proposal_temperature: 1 }, { kernel: "tempering" });
  });

  it("keep to a budget", async () => {
    for (const kernel of ["multiple_try", "tempering"]) {
      const [choice] = (await complete({ sampler: "power", seed: 2, kernel, max_evaluated_tokens: 9 }))
        .choices;
      expect(choice!.power).toMatchObject({ budget_exhausted: true, evaluated_tokens: 9 });
    }
  });

  it.each([
    [{ kernel: "tempering" }, "kernel", /sampler 'standard'/],
    [{ cut: "entropy", sampler: "greedy" }, "cut", /sampler 'greedy'/],
    [{ sampler: "power", kernel: "gibbs" }, "kernel", /single_try, multiple_try, tempering/],
    [{ sampler: "power", cut: "middle" }, "cut", /uniform, entropy/],
    [{ sampler: "power", tries: 4 }, "tries", /kernel 'single_try'.*kernel 'multiple_try'/],
    [{ sampler: "power", kernel: "multiple_try", replicas: 3 }, "replicas", /kernel 'tempering'/],
    [{ sampler: "power", kernel: "tempering", replicas: 1 }, "replicas", /at least 2/],
    [{ sampler: "power", kernel: "multiple_try", tries: 65 }, "tries", /64/],
  ])("refuse %j, naming the field", async (body, param, message) => {
    const error = await refuse(body);
    expect(error.status).toBe(400);
    expect(error.param).toBe(param);
    expect(error.message).toMatch(message);
  });
});
