import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestContext } from "vitest";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import { LocalCompleter } from "../../src/decoder/local-completer.ts";
import { readModelFolder } from "../../src/decoder/model-folder.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { MemoStore } from "../../src/engine/memo/memo-store.ts";
import type { DialectName } from "../../src/engine/remote/dialect.ts";
import { openRemote } from "../../src/engine/remote/open-remote.ts";
import { BoundedEngine } from "../support/bounded-engine.ts";
import { createTestApp } from "../support/embedded.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import { toyOf } from "../support/fake-servers/toy.ts";
import { chiSquare } from "../support/statistics.ts";
import { createToyModel, logSoftmax } from "../support/toy-model.ts";
import { withChangedTokens } from "../support/changed-tokens.ts";

/**
 * Power sampling over a server: completions fetched over HTTP, whose model runs on a server behind, are as frequent as
 * the enumerated p^α. On a fake one, and on real ones of the abacus checkpoint where a variable says where.
 */

type LawAfter = (prefix: readonly number[]) => Promise<readonly number[]>;

interface Chain {
  readonly alpha: number;
  readonly mcmc_steps: number;
  readonly proposal_temperature?: number;
  readonly cut?: string;
  readonly kernel?: string;
  readonly tries?: number;
  readonly isolated?: boolean;
}

/** What is completed, and how. */
interface Case {
  readonly prompt: readonly number[];
  readonly max_tokens: number;
  readonly chains: readonly Chain[];
}

interface Subject {
  readonly name: string;
  readonly dialect: DialectName;
  readonly endToken: number;
  /** Completions drawn for each law: a multiple of 128. */
  readonly draws: number;
  /** The same with faulty readings. */
  readonly drawsOfFaults: number;
  /** A chain at alpha 2 that asks for more than the likeliest token. */
  readonly coarse: Pick<Fit, "mcmc_steps" | "proposal_temperature">;
  /** The last one is what faulty readings are tried on. */
  readonly cases: readonly [Case, ...Case[]];
  /** log p of every next token, computed elsewhere. */
  readonly lawAfter: LawAfter;
  /** Where the server is; what was opened for that is closed afterwards. */
  readonly start: () => Promise<{ url: string; stop: () => Promise<void> }>;
}

const vocabularySize = 18;
const significance = 0.001;
/** ms: real servers are asked for each token of an isolated chain. */
const longest = 900_000;

/** Branches of less weight, nats, are left out: no draw of some thousands finds them. */
const lightest = -12;

/** A case with log p of the completions that can be expected. */
interface Law {
  readonly prompt: readonly number[];
  readonly max_tokens: number;
  readonly p: ReadonlyMap<string, number>;
}

async function enumerate(
  { endToken, lawAfter }: Subject,
  { prompt, max_tokens: horizon }: Case,
): Promise<Law> {
  const logprobs = new Map<string, number>();
  const visit = async (tokens: readonly number[], logprob: number): Promise<void> => {
    if (tokens.length === horizon || tokens.at(-1) === endToken) {
      logprobs.set(tokens.join(), logprob);
      return;
    }
    for (const [id, next] of (await lawAfter([...prompt, ...tokens])).entries())
      if (logprob + next > lightest) await visit([...tokens, id], logprob + next);
  };
  await visit([], 0);
  return { prompt, max_tokens: horizon, p: logprobs };
}

/** p^alpha over the completions. */
function powerOf(p: ReadonlyMap<string, number>, alpha: number): number[] {
  const weights = [...p.values()].map((logprob) => Math.exp(alpha * logprob));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

async function serve(engine: Engine) {
  const description = await readModelFolder(embeddedModel);
  const completer = new LocalCompleter(description, engine, {
    earlyRejection: true,
    prefetch: true,
    memo: new MemoStore(64_000_000),
  });
  return createTestApp({ completer });
}

/** How often each completion was fetched from a server over this engine, in the order of `p`. */
async function count(engine: Engine, draws: number, { prompt, max_tokens, p }: Law, chain: object) {
  const server = await serve(engine);
  const index = new Map([...p.keys()].map((key, position) => [key, position]));
  const counts = new Array<number>(p.size).fill(0);
  let undecided = 0;
  for (let seed = 0; seed < draws / 128; seed++) {
    const asked = { prompt, max_tokens, n: 128, seed, return_token_ids: true, sampler: "power" };
    for (const { token_ids, power } of (await server.complete({ ...asked, ...chain })).choices) {
      const position = index.get(token_ids!.join());
      if (position !== undefined) counts[position]!++;
      undecided += power!.undecided_steps ?? 0;
    }
  }
  await server.app.close();
  expect(counts.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(0.995 * draws);
  return { counts, undecided };
}

/** Isolated ones ask the server for what others remember: these are short, and fewer. */
const chainsOf = (steps: number): Chain[] => [
  ...[
    { alpha: 2 },
    { alpha: 4 },
    { alpha: 2, proposal_temperature: 1 },
    { alpha: 2, cut: "entropy" },
    { alpha: 4, kernel: "tempering" },
    { alpha: 2, kernel: "multiple_try", tries: 2 },
  ].map((chain) => ({ mcmc_steps: steps, ...chain })),
  { mcmc_steps: 10, alpha: 2, isolated: true },
];

interface Fit {
  readonly draws: number;
  readonly mcmc_steps: number;
  readonly proposal_temperature: number;
}

function testLaw(subject: Subject): void {
  describe(`power sampling over ${subject.name}`, () => {
    let served: Awaited<ReturnType<Subject["start"]>>;
    let engine: Engine;
    const laws: Law[] = [];
    beforeAll(async () => {
      served = await subject.start();
      const { dialect } = subject;
      const settings = {
        dialect,
        url: served.url,
        maxCalls: 64,
        sessionHeader: "x-session-id",
        vocabularySize,
      };
      engine = (await openRemote(settings)).engine;
      for (const one of subject.cases) laws.push(await enumerate(subject, one));
    }, longest);
    afterAll(async () => {
      await engine[Symbol.asyncDispose]();
      await served.stop();
    });

    describe.each([...subject.cases.entries()])("case %d", (index, { chains }) => {
      it.for(chains)(
        "matches the enumerated p^alpha: %j",
        { timeout: longest },
        async (chain, { annotate }) => {
          const law = laws[index]!;
          const draws = chain.isolated === true ? subject.draws / 4 : subject.draws;
          const { counts, undecided } = await count(engine, draws, law, chain);
          const { pValue } = chiSquare(counts, powerOf(law.p, chain.alpha));
          const other = chiSquare(counts, powerOf(law.p, 1.4 * chain.alpha)).pValue;
          await annotate(`p = ${pValue.toPrecision(2)}; of 1.4 alpha ${other.toPrecision(2)}`);
          expect(pValue).toBeGreaterThan(significance);
          // The test has teeth: the same counts do not fit another exponent.
          expect(other).toBeLessThan(significance);
          expect(undecided).toBe(0);
        },
      );
    });

    /** How well the draws of a chain at alpha 2 fit. */
    const fit = async (one: Engine, { draws, ...chain }: Fit, { annotate }: TestContext): Promise<number> => {
      const law = laws.at(-1)!;
      const { counts } = await count(one, draws, law, { alpha: 2, ...chain });
      const { pValue } = chiSquare(counts, powerOf(law.p, 2));
      await annotate(`p = ${pValue.toPrecision(2)}`);
      return pValue;
    };

    describe("with the likeliest token alone at first", () => {
      const chain = { ...subject.coarse, draws: subject.draws / 2 };
      const coarse = () => new BoundedEngine(engine, { known: 1, told: vocabularySize, lightestBias: -100 });

      it(
        "matches it too, asking for more where the bounds do not settle a step",
        async (context) => {
          const one = coarse();
          expect(await fit(one, chain, context)).toBeGreaterThan(significance);
          expect(one.narrowings).toBeGreaterThan(0);
        },
        longest,
      );

      it(
        "does not where the bounds are taken for the number",
        async (context) => {
          const blind = withChangedTokens(coarse(), (token) => ({ ...token, logNormalizerGap: 0 }));
          expect(await fit(blind, { ...chain, draws: subject.drawsOfFaults }, context)).toBeLessThan(
            significance,
          );
        },
        longest,
      );
    });

    describe("with proposals far hotter than what is sought", () => {
      // They are seldom accepted.
      const chain = { proposal_temperature: 1.5, mcmc_steps: 100, draws: subject.draws / 2 };

      it(
        "matches it",
        async (context) => {
          expect(await fit(engine, chain, context)).toBeGreaterThan(significance);
        },
        longest,
      );

      it(
        "does not where log q is read for log p",
        async (context) => {
          const misread = withChangedTokens(engine, (token, { sampling: { inverseTemperature: b } }) => {
            const logQ = (logprob: number): number => b * logprob - token.logNormalizer;
            const { ids, logprobs } = token.top!;
            return { ...token, logprob: logQ(token.logprob), top: { ids, logprobs: logprobs.map(logQ) } };
          });
          expect(await fit(misread, { ...chain, draws: subject.drawsOfFaults }, context)).toBeLessThan(
            significance,
          );
        },
        longest,
      );
    });
  });
}

const toy = createToyModel({ seed: 21, vocabularySize, endBias: 2, scale: 7 });

testLaw({
  name: "a fake vLLM of a toy",
  dialect: "vllm",
  endToken: 16,
  draws: 1024,
  drawsOfFaults: 256,
  coarse: { mcmc_steps: 10, proposal_temperature: 0.5 },
  cases: [{ prompt: [0, 1], max_tokens: 2, chains: chainsOf(20) }],
  lawAfter: async (prefix) => Promise.resolve(logSoftmax(toy.logits(prefix))),
  start: async () => {
    const server = await new FakeVllm(toyOf(toy)).start();
    return { url: server.url, stop: () => server.stop() };
  },
});

const real: readonly { readonly dialect: DialectName; readonly variable: string }[] = [
  { dialect: "vllm", variable: "METROPOLIS_TEST_VLLM_URL" },
  { dialect: "llamacpp", variable: "METROPOLIS_TEST_LLAMACPP_URL" },
  { dialect: "sglang", variable: "METROPOLIS_TEST_SGLANG_URL" },
];

/** By the embedded model itself, in this process. */
async function abacusLaw(): Promise<LawAfter> {
  const embedded = await createTestApp();
  return async (prefix) => {
    const asked = { prompt: prefix, max_tokens: 1, logprobs: vocabularySize, seed: 0 };
    const { choices } = await embedded.complete({ ...asked, return_tokens_as_token_ids: true });
    const top = choices[0]!.logprobs!.top_logprobs[0]!;
    return Array.from({ length: vocabularySize }, (_, id) => top[`token_id:${id}`]!);
  };
}

for (const { dialect, variable } of real) {
  const url = process.env[variable];
  if (url === undefined) {
    describe.skip(`power sampling over a real ${dialect}: ${variable} is not set`);
    continue;
  }
  const lawAfter = abacusLaw();
  testLaw({
    name: `a real server of ${dialect}`,
    dialect,
    endToken: 16,
    draws: 2048,
    // In 512 the bounds taken for the number do not show (p = 0.04).
    drawsOfFaults: 4096,
    coarse: { mcmc_steps: 40, proposal_temperature: 0.7 },
    cases: [
      { prompt: [7, 11], max_tokens: 3, chains: chainsOf(20) },
      // 12-9*2=, whose answer no training example has: many completions are likely, up to their ends.
      {
        prompt: [1, 2, 11, 9, 12, 2, 13],
        max_tokens: 24,
        chains: [
          { alpha: 2, mcmc_steps: 100 },
          { alpha: 4, mcmc_steps: 100 },
          { alpha: 2, mcmc_steps: 100, cut: "entropy" },
          { alpha: 4, mcmc_steps: 100, kernel: "tempering" },
        ],
      },
      // Its first digits are as good as alike: the likeliest one tells little of the others.
      { prompt: [1, 2, 11, 9, 12, 2, 13], max_tokens: 3, chains: [{ alpha: 2, mcmc_steps: 200 }] },
    ],
    lawAfter: async (prefix) => (await lawAfter)(prefix),
    start: () => Promise.resolve({ url, stop: () => Promise.resolve() }),
  });
}
