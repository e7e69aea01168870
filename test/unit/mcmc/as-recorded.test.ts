import { describe, expect, it } from "vitest";
import { AsRecorded } from "../../../src/mcmc/as-recorded.ts";
import type { CompletionToken } from "../../../src/mcmc/completion.ts";

const exact: CompletionToken = { token: 1, logprob: -1, logNormalizer: -0.5, entropy: 1 };
const parting = (own: CompletionToken, drawn: Partial<CompletionToken>): CompletionToken =>
  new AsRecorded([own], 0).take({ ...own, token: 2, logprob: -2, ...drawn });

describe("a token at which a proposal parts from the state", () => {
  it("is left as it was drawn where log Z and entropy are known exactly", () => {
    expect(parting(exact, { logNormalizer: -0.51, entropy: 1.1 })).toMatchObject({
      token: 2,
      logprob: -2,
      logNormalizer: -0.51,
      entropy: 1.1,
    });
  });

  it.each<[string, CompletionToken, Partial<CompletionToken>]>([
    ["both", { ...exact, entropyGap: 0.3 }, { entropy: 1.1, entropyGap: 0.2 }],
    ["the state alone", { ...exact, entropyGap: 0.3 }, { entropy: 1.1 }],
    ["the proposal alone", exact, { entropy: 1.1, entropyGap: 0.2 }],
  ])("has the state's entropy where %s bounds it, and its own exact log Z", (_name, own, drawn) => {
    const token = parting(own, { ...drawn, logNormalizer: -0.51 });
    expect(token).toMatchObject({ token: 2, logprob: -2, logNormalizer: -0.51, entropy: 1 });
    expect(token.entropyGap).toBe(own.entropyGap);
    expect(token).not.toHaveProperty("logNormalizerGap");
  });

  it.each<[string, CompletionToken, Partial<CompletionToken>]>([
    ["both", { ...exact, logNormalizerGap: 0.1 }, { logNormalizer: -0.51, logNormalizerGap: 0.2 }],
    ["the state alone", { ...exact, logNormalizerGap: 0.1 }, { logNormalizer: -0.51 }],
    ["the proposal alone", exact, { logNormalizer: -0.51, logNormalizerGap: 0.2 }],
  ])("has the state's log Z where %s bounds it, so that it cancels", (_name, own, drawn) => {
    const token = parting(own, drawn);
    expect(token).toMatchObject({ token: 2, logprob: -2, logNormalizer: -0.5 });
    expect(token.logNormalizerGap).toBe(own.logNormalizerGap);
  });
});
