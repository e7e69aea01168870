import { describe, expect, it } from "vitest";
import { fieldControls } from "../../../src/client/sampler-form.ts";
import { usualValues } from "../../../src/client/usual-values.ts";
import type { ModelDefaults } from "../../../src/client/usual-values.ts";

const bare: ModelDefaults = {
  sampler: "standard",
  max_tokens: 16,
  alpha: 4,
  mcmc_steps: null,
  block_size: null,
};
const withBlocks: ModelDefaults = { ...bare, max_tokens: 48, mcmc_steps: 10, block_size: 3 };

describe("usual values", () => {
  it("are those that the model and the other fields make of a request", () => {
    expect(usualValues("power", {}, withBlocks)).toMatchObject({
      alpha: 4,
      max_tokens: 48,
      mcmc_steps: 10,
      block_size: 3,
      proposal_temperature: 0.25,
      kernel: "single_try",
      cut: "uniform",
      warm_up: "blocks",
    });
    expect(usualValues("power", { alpha: 2 }, bare)).toMatchObject({
      alpha: 2,
      proposal_temperature: 0.5,
      mcmc_steps: 1,
      warm_up: "particles",
      warm_up_particles: 10,
    });
    expect(usualValues("power", { kernel: "tempering" }, bare)).toMatchObject({
      replicas: 3,
      proposal_temperature: 1,
    });
    expect(usualValues("power", { kernel: "multiple_try" }, bare)).toMatchObject({ tries: 4 });
    expect(usualValues("power", { warm_up: "blocks", max_tokens: 64 }, bare)).toMatchObject({
      mcmc_steps: 10,
      block_size: 4,
    });
  });

  it("are those of a request without fields where these contradict each other", () => {
    expect(usualValues("power", { alpha: 2, tries: 3 }, bare)).toMatchObject({ alpha: 4, mcmc_steps: 1 });
  });

  it.each(
    fieldControls.flatMap((field) =>
      /^[\d.]+$/.test(field.usual) ? field.users.map((user) => ({ ...field, user })) : [],
    ),
  )("agree with the words of $name for $user", ({ name, usual, user, under }) => {
    const given = under === undefined ? {} : { [under[0]]: under[1] };
    expect(usualValues(user, given, bare)[name]).toBe(Number(usual));
  });
});
