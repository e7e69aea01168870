/**
 * What the records (test/http/records.test.ts) are of. A request is a body of POST /v1/completions; one with `messages`
 * is of /v1/chat/completions.
 */
export type Body = Readonly<Record<string, unknown>>;

const kernels = ["single_try", "multiple_try", "tempering"] as const;
const cuts = ["uniform", "entropy"] as const;
const schedules = ["full", "until_finished"] as const;

/** A request, and what it is called: itself, but for what its fellows have too. */
export interface RecordCase {
  readonly name: string;
  readonly body: Body;
}

/** Each with a seed of its own, so that no two draw the same uniforms; one that states a seed keeps it. */
function cases(
  bodies: readonly Body[],
  firstSeed: number,
  fill: (body: Body, index: number) => Body,
): RecordCase[] {
  return bodies.map((body, index) => {
    const seeded = { ...body, seed: body.seed ?? firstSeed + index };
    return { name: JSON.stringify(seeded), body: fill(seeded, index) };
  });
}

/** Whether it draws as a sampler of whole completions does, on which the switches act. */
export const drawsWhole = (body: Body): boolean => isChain(body) || body.sampler === "smc";

const isChain = ({ sampler, model }: Body): boolean =>
  sampler === "power" || sampler === "maximize" || model === "abacus:power" || model === "abacus:maximize";

const ask = (prompt: string, body: Body): Body => ("messages" in body ? body : { prompt, ...body });

/** At lengths at which everything happens that may. */
const askToy =
  (prompt: string) =>
  (body: Body): Body =>
    ask(prompt, { max_tokens: 12, ...(isChain(body) ? { block_size: 4, mcmc_steps: 5 } : {}), ...body });

const toyPrompt = "7-2*3+4=";

/** How an answer ends, and what is told of it: for all samplers alike. */
const shapes: Body[] = [
  { stop: ["=", "#", "34"], logprobs: 1 },
  { stop_token_ids: [3, 14], return_token_ids: true },
  { ignore_eos: true, stop_token_ids: [9], max_tokens: 14 },
  { logprobs: 2, max_tokens: 4 },
  { entropy: true },
  { echo: true },
  { echo: true, logprobs: 1, prompt: "1+2=", max_tokens: 3 },
  { n: 2 },
  { n: 1, best_of: 3, logprobs: 0 },
  { prompt: [[1, 10, 2, 13], [7]], return_token_ids: true },
  { max_tokens: 1 },
];

const tokenByToken: Body[] = [
  ...Array.from({ length: 4 }, () => ({ sampler: "standard" })),
  ...[
    { temperature: 0 },
    { temperature: 0.5 },
    { temperature: 2 },
    { top_k: 3 },
    { top_p: 0.6 },
    { min_p: 0.15 },
    { temperature: 1.5, top_k: 9, top_p: 0.9, min_p: 0.02 },
    { presence_penalty: 1.5 },
    { frequency_penalty: 1.2, temperature: 0 },
    { repetition_penalty: 1.8 },
    { logit_bias: { 3: 4, 16: -100 } },
    { min_tokens: 9, logit_bias: { 16: 4 } },
    { logprobs: 3, logprobs_mode: "sampled", temperature: 0.7, top_k: 4, max_tokens: 4 },
    { logprobs: 3, logprobs_mode: "sampled", presence_penalty: 2, logit_bias: { 5: 2 }, max_tokens: 4 },
  ].map((fields) => ({ sampler: "standard", ...fields })),
  { sampler: "standard", echo: true, max_tokens: 0, logprobs: 1, prompt: "1+2=" },
  { sampler: "standard", seed: -(2 ** 53) + 1 },
  { sampler: "standard", seed: 2 ** 53 - 1 },
  { sampler: "standard", stop: "1" },
  { sampler: "standard", ignore_eos: true },
  { sampler: "standard", logprobs: 0, return_tokens_as_token_ids: true, priority: "batch" },
  { model: "abacus:greedy" },
  { sampler: "greedy", logprobs: 2, logprobs_mode: "sampled", max_tokens: 3 },
  ...[1, 2, 4].map((alpha) => ({ sampler: "low_temperature", alpha })),
  { sampler: "low_temperature", alpha: 2, logprobs: 2, logprobs_mode: "sampled", max_tokens: 3 },
  ...shapes.map((shape) => ({ sampler: "standard", ...shape })),
];

/** Every kernel with every cut at several exponents, the schedules taking turns. */
const chains: Body[] = kernels.flatMap((kernel, k) =>
  cuts.flatMap((cut, c) =>
    [1, 2, 4].map((alpha, a) => ({
      sampler: "power",
      kernel,
      cut,
      alpha,
      schedule: schedules[(k + c + a) % 2],
      ...(kernel === "tempering" ? {} : { proposal_temperature: [1, 0.5, 0.6][a] }),
    })),
  ),
);

const power: Body[] = [
  ...chains,
  { model: "abacus:power", priority: "batch" },
  ...kernels.flatMap((kernel) => [
    { kernel, proposal_temperature: 0.4 },
    {
      kernel,
      proposal_temperature: 1.5,
      cut: "entropy",
      logprobs: 1,
      logprobs_mode: "sampled",
      max_tokens: 6,
    },
    { kernel, block_size: 1, mcmc_steps: 2 },
    { kernel, block_size: 100, mcmc_steps: 12 },
    { kernel, n: 2, proposal_temperature: 1 },
    { kernel, stop: ["2", "=4"], proposal_temperature: 1 },
  ]),
  { mcmc_steps: 0 },
  { mcmc_steps: 40, block_size: 12, proposal_temperature: 1 },
  { kernel: "multiple_try", tries: 1 },
  { kernel: "multiple_try", tries: 8, proposal_temperature: 1 },
  { kernel: "tempering", replicas: 2, alpha: 8 },
  { kernel: "tempering", replicas: 5, cut: "entropy" },
  ...shapes,
].map((body) => ({ sampler: "power", ...body }));

const smc: Body[] = [
  ...[1, 2, 4].map((alpha) => ({ alpha })),
  { particles: 2 },
  { particles: 20, proposal_temperature: 1 },
  { particles: 5, alpha: 2, proposal_temperature: 0.3 },
  { particles: 4, logprobs: 1, logprobs_mode: "sampled", max_tokens: 4 },
  { particles: 4, n: 2 },
  { particles: 6, stop: ["2", "=4"] },
  { particles: 3, stop_token_ids: [3], entropy: true, echo: true },
  { particles: 3, n: 1, best_of: 3, ignore_eos: true },
].map((body) => ({ sampler: "smc", ...body }));

const maximize: Body[] = [
  {},
  ...cuts.flatMap((cut) => schedules.map((schedule) => ({ cut, schedule, proposal_temperature: 1 }))),
  { n: 2, proposal_temperature: 0.5 },
  { block_size: 1, mcmc_steps: 3 },
  { mcmc_steps: 0 },
  { proposal_temperature: 1, logprobs: 1, logprobs_mode: "sampled", max_tokens: 4 },
  { proposal_temperature: 1, stop: ["2", "=4"], entropy: true },
  { proposal_temperature: 1, n: 1, best_of: 3, ignore_eos: true },
].map((body) => ({ sampler: "maximize", ...body }));

const user = (content: string) => [{ role: "user", content }];
const chats: Body[] = [
  { messages: user("7-2=") },
  { messages: user("7-2="), sampler: "power", proposal_temperature: 1, n: 2, entropy: true },
  { messages: user("7-2="), sampler: "power", logprobs: true, top_logprobs: 1, max_completion_tokens: 3 },
  {
    messages: user("7-2="),
    logprobs: true,
    top_logprobs: 2,
    logprobs_mode: "sampled",
    top_k: 5,
    max_tokens: 3,
  },
  { messages: user("7-2="), sampler: "smc", particles: 4, stop: "3", return_token_ids: true },
  { messages: [{ role: "system", content: "1" }, ...user("9*8=")], model: "abacus:maximize" },
];

/** Budgets that end a run early, in mid-step, and not at all. */
const budgets: Body[] = [
  ...kernels.flatMap((kernel, k) =>
    [11, 24].map((max_evaluated_tokens, b) => ({
      sampler: "power",
      kernel,
      cut: cuts[(k + b) % 2],
      max_evaluated_tokens,
      proposal_temperature: 1,
    })),
  ),
  ...[7, 1000].map((max_evaluated_tokens) => ({ sampler: "smc", particles: 4, max_evaluated_tokens })),
  ...[9, 20].map((max_evaluated_tokens) => ({ sampler: "maximize", max_evaluated_tokens })),
];

export const toyCases = cases(
  [...tokenByToken, ...power, ...smc, ...maximize, ...chats],
  100,
  askToy(toyPrompt),
);
/** Those in which steps may be begun ahead, as many as a slow model has time for. */
export const chainCases = toyCases.filter(({ body }, index) => isChain(body) && index % 3 === 0);

export const budgetCases = cases(budgets, 500, askToy(toyPrompt));

/** More tokens than the likeliest 64 that a distribution knows by heart, and texts that are not whole characters. */
export const byteCases = cases(
  [
    { sampler: "standard", return_token_ids: true },
    { sampler: "standard", temperature: 2, logprobs: 1, max_tokens: 6 },
    { sampler: "standard", top_k: 100, temperature: 3 },
    { sampler: "standard", top_p: 0.97, logprobs: 1, logprobs_mode: "sampled", max_tokens: 6 },
    { sampler: "standard", presence_penalty: 1, logit_bias: { 195: 6, 169: 6 }, n: 2, max_tokens: 24 },
    { sampler: "low_temperature", alpha: 2 },
    { sampler: "greedy", entropy: true },
    ...kernels.flatMap((kernel) => [
      { sampler: "power", kernel, alpha: 2, proposal_temperature: 1 },
      { sampler: "power", kernel, alpha: 1.2, cut: "entropy", stop: ["a", "é"] },
    ]),
    { sampler: "smc", alpha: 1.5, particles: 5 },
    { sampler: "maximize", proposal_temperature: 1 },
  ],
  700,
  askToy("Zoë: "),
);

/** Streams whose every chunk is on record. */
export const streamedCases = cases(
  [
    { sampler: "standard", logprobs: 1, max_tokens: 3, stream_options: { include_usage: true } },
    { sampler: "standard", stop: ["12", "3;", "4#"] },
    { sampler: "standard", echo: true, ignore_eos: true, max_tokens: 3 },
    { sampler: "power", mcmc_steps: 1, block_size: 6, stream_options: { include_progress: true } },
    { sampler: "maximize", mcmc_steps: 1, max_tokens: 5, stream_options: { include_progress: true } },
    { sampler: "smc", particles: 3, max_tokens: 5 },
    { messages: user("7-2="), max_tokens: 4 },
    { messages: user("7-2="), sampler: "power", entropy: true, max_tokens: 4 },
  ],
  800,
  askToy(toyPrompt),
);

/** Requests whose events on the WebSocket are on record. */
export const watchedCases = cases(
  [
    { sampler: "power", alpha: 2, proposal_temperature: 1, max_tokens: 4, block_size: 2, mcmc_steps: 2 },
    { sampler: "power", cut: "entropy", stop: ["2", "=4"], mcmc_steps: 2, events: ["decision", "token"] },
    { sampler: "power", kernel: "multiple_try", block_size: 6, mcmc_steps: 2, events: ["proposal"] },
    {
      sampler: "power",
      kernel: "tempering",
      n: 2,
      block_size: 6,
      mcmc_steps: 2,
      max_tokens: 6,
      events: ["revision"],
    },
    { sampler: "maximize", echo: true, max_tokens: 5, mcmc_steps: 1 },
    { sampler: "smc", particles: 4, max_tokens: 3 },
    { sampler: "standard", stop: "3", max_tokens: 5 },
  ],
  900,
  askToy(toyPrompt),
);

/** Of the embedded model, at its own defaults: every third of the toy's, on prompts in turns. */
const abacusPrompts = [toyPrompt, "9*8-7=", "1+1="];
const everyThird = (bodies: readonly Body[]): Body[] => bodies.filter((_, index) => index % 3 === 0);
export const abacusCases = cases(
  [...[tokenByToken, power, smc, maximize, budgets].flatMap(everyThird), ...chats.slice(0, 4)],
  1000,
  (body, index) => ask(abacusPrompts[index % abacusPrompts.length]!, body),
);
