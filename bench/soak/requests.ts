import type { Stream } from "../../lab/stream.ts";

/** A request as a client of the soak sends it, and what is wrong with an answer to it. */
export interface SoakRequest {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** @returns what is wrong; `undefined` for what should have come */
  readonly fault: (status: number, text: string) => string | undefined;
}

/** What prompts and lengths suit the model that is served. */
export interface Workload {
  /** Each is asked once before any is asked again. */
  readonly prompts: readonly string[];
  readonly maxTokens: number;
  /** Fields of chains: how long they are. */
  readonly chain: Readonly<Record<string, number>>;
}

type Kind = (draw: Stream, prompt: string, load: Workload) => SoakRequest;

/** Kinds of requests, each with how many of a hundred are of it. */
export const kinds: Readonly<Record<string, { readonly share: number; readonly make: Kind }>> = {
  plain: {
    share: 18,
    make: (draw, prompt, { maxTokens }) =>
      completion({ prompt, max_tokens: maxTokens, ...plainSampler(draw), seed: draw.integer(0, 999) }),
  },
  power: {
    share: 16,
    make: (draw, prompt, load) => completion({ prompt, ...chain(draw, load), seed: draw.integer(0, 999) }),
  },
  stream: {
    share: 18,
    make: (draw, prompt, load) => {
      const sampler =
        draw.uniform() < 0.5 ? chain(draw, load) : { max_tokens: load.maxTokens, ...plainSampler(draw) };
      return stream({ prompt, ...sampler, stream_options: { include_progress: true, include_usage: true } });
    },
  },
  chat: {
    share: 8,
    make: (draw, prompt, load) => {
      const body = { messages: [{ role: "user", content: prompt }], max_tokens: load.maxTokens };
      return draw.uniform() < 0.5
        ? post("/v1/chat/completions", body, wantChoices(1))
        : post("/v1/chat/completions", { ...body, ...chain(draw, load), stream: true }, wantStream);
    },
  },
  several: {
    share: 5,
    make: (draw, prompt, load) => {
      const n = draw.integer(2, 6);
      const sampler =
        draw.uniform() < 0.5
          ? chain(draw, load)
          : { max_tokens: load.maxTokens, temperature: 1.2, logprobs: draw.integer(0, 5) };
      return draw.uniform() < 0.3
        ? completion({ prompt, ...sampler, n: 1, best_of: n })
        : completion({ prompt, ...sampler, n }, n);
    },
  },
  score: {
    share: 6,
    make: (draw, prompt) =>
      completion({ prompt, echo: true, max_tokens: draw.integer(0, 2), logprobs: draw.integer(0, 8) }),
  },
  tokenize: {
    share: 5,
    make: (_, prompt) => post("/tokenize", { prompt, return_token_strs: true }, wantMember("tokens")),
  },
  detokenize: {
    share: 4,
    make: (draw) =>
      post(
        "/detokenize",
        { tokens: Array.from({ length: draw.integer(1, 40) }, () => draw.integer(0, 15)) },
        wantMember("prompt"),
      ),
  },
  "bad body": { share: 6, make: (draw, prompt) => draw.pick(badBodies)(prompt) },
  batch: {
    share: 6,
    make: (draw, prompt, load) => completion({ prompt, ...chain(draw, load), n: 2, priority: "batch" }, 2),
  },
};

/** The body of a watched completion: every event is wanted. */
export const watched = (draw: Stream, prompt: string, load: Workload): Record<string, unknown> => ({
  prompt,
  ...chain(draw, load),
  n: draw.integer(1, 2),
});

function plainSampler(draw: Stream): Record<string, unknown> {
  return draw.pick([
    { temperature: 0.7, top_p: 0.9 },
    { temperature: 1, top_k: 5, logprobs: 3 },
    { sampler: "greedy" },
    { sampler: "low_temperature", entropy: true },
    { presence_penalty: 0.5, repetition_penalty: 1.1, return_token_ids: true },
  ]);
}

function chain(draw: Stream, { maxTokens, chain: lengths }: Workload): Record<string, unknown> {
  const usual = { max_tokens: maxTokens };
  return draw.pick<Record<string, unknown>>([
    { ...usual, ...lengths, sampler: "power" },
    { ...usual, ...lengths, sampler: "power", proposal_temperature: 1 },
    { ...usual, ...lengths, sampler: "power", kernel: "multiple_try", tries: 2 },
    { ...usual, ...lengths, sampler: "power", kernel: "tempering", replicas: 2 },
    { ...usual, ...lengths, sampler: "power", cut: "entropy", max_evaluated_tokens: 100 },
    { ...usual, ...lengths, sampler: "maximize" },
    { ...usual, sampler: "smc", particles: 4 },
    { ...usual, sampler: "beam" },
  ]);
}

const json = { "content-type": "application/json" };

const post = (path: string, body: object, fault: SoakRequest["fault"]): SoakRequest => ({
  path,
  body: JSON.stringify(body),
  headers: json,
  fault,
});

const completion = (body: object, choices = 1): SoakRequest =>
  post("/v1/completions", body, wantChoices(choices));

const stream = (body: object): SoakRequest => post("/v1/completions", { ...body, stream: true }, wantStream);

const excerpt = (text: string): string => text.replaceAll(/\s+/g, " ").slice(0, 300);

const wantChoices =
  (count: number): SoakRequest["fault"] =>
  (status, text) => {
    if (status !== 200) return `${status}: ${excerpt(text)}`;
    const { choices } = JSON.parse(text) as { choices?: readonly { finish_reason?: string }[] };
    const finished = choices?.filter(({ finish_reason: reason }) => typeof reason === "string").length;
    return finished === count ? undefined : `${finished} of ${count} choices: ${excerpt(text)}`;
  };

const wantStream: SoakRequest["fault"] = (status, text) => {
  if (status !== 200) return `${status}: ${excerpt(text)}`;
  if (text.includes('"error"'))
    return `a stream with an error: ${excerpt(text.slice(text.indexOf('"error"')))}`;
  return text.endsWith("data: [DONE]\n\n")
    ? undefined
    : `a stream without its end: …${excerpt(text.slice(-200))}`;
};

const wantMember =
  (name: string): SoakRequest["fault"] =>
  (status, text) =>
    status === 200 && name in (JSON.parse(text) as object) ? undefined : `${status}: ${excerpt(text)}`;

/** A refusal, and nothing else. */
const wantRefusal: SoakRequest["fault"] = (status, text) =>
  status >= 400 && status < 500 && text.includes('"error"') ? undefined : `${status}: ${excerpt(text)}`;

const bad = (path: string, body: string, headers: Record<string, string> = json): SoakRequest => ({
  path,
  body,
  headers,
  fault: wantRefusal,
});

const badBodies: readonly ((prompt: string) => SoakRequest)[] = [
  () => bad("/v1/completions", '{"prompt": '),
  () => bad("/v1/completions", "[]"),
  (prompt) => bad("/v1/completions", JSON.stringify({ prompt, temperatur: 1 })),
  (prompt) => bad("/v1/completions", JSON.stringify({ prompt, alpha: -1, sampler: "power" })),
  () => bad("/v1/completions", JSON.stringify({ prompt: [1e9] })),
  (prompt) => bad("/v1/completions", JSON.stringify({ prompt, max_tokens: 1e6 })),
  (prompt) => bad("/v1/completions", JSON.stringify({ prompt, suffix: "x" })),
  (prompt) => bad("/v1/completions", JSON.stringify({ prompt }), { "content-type": "text/plain" }),
  () => bad("/v1/chat/completions", JSON.stringify({ messages: [] })),
  () =>
    bad(
      "/v1/chat/completions",
      JSON.stringify({ messages: [{ role: "user", content: "1".repeat(100_000) }] }),
    ),
  () => bad("/v1/nothing", "{}"),
  () => bad("/detokenize", JSON.stringify({ tokens: [-1] })),
  (prompt) => bad("/v1/completions", JSON.stringify({ model: "another", prompt })),
];
