import type { DialectName } from "../src/engine/remote/dialect.ts";

/** Tokens since a server was started, by its own count: those of calls that were closed before their end among them. */
export interface ServerCounts {
  readonly drawn: number;
  /** Of prompts, those that it ran. */
  readonly prefilled: number;
  /** And those that it had in its cache. */
  readonly cached: number;
}

/** Prometheus samples, each with the labels that it has to have. */
const samples: Readonly<Record<DialectName, Readonly<Record<"drawn" | "prompt" | "cached", string>>>> = {
  vllm: {
    drawn: "vllm:generation_tokens_total",
    prompt: "vllm:prompt_tokens_total",
    cached: "vllm:prompt_tokens_cached_total",
  },
  sglang: {
    drawn: "sglang:generation_tokens_total",
    prompt: "sglang:prompt_tokens_total",
    cached: "sglang:cached_tokens_total",
  },
  llamacpp: {
    drawn: "llamacpp:tokens_predicted_total",
    prompt: "llamacpp:prompt_tokens_total",
    cached: "llamacpp:prompt_tokens_cached_total",
  },
};

/** @throws Error where a server shows no metrics; SGLang and llama.cpp want --enable-metrics and --metrics */
export async function readServerCounts(dialect: DialectName, url: string): Promise<ServerCounts> {
  const text = await (await fetch(new URL("/metrics", url))).text();
  const valueOf = (name: string): number => {
    const found = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))];
    if (found.length === 0) throw new Error(`${url}/metrics has no ${name}`);
    return found.reduce((sum, [, value]) => sum + Number(value), 0);
  };
  const { drawn, prompt, cached } = samples[dialect];
  const hits = valueOf(cached);
  // llama.cpp counts what it runs alone.
  const prefilled = valueOf(prompt) - (dialect === "llamacpp" ? 0 : hits);
  return { drawn: valueOf(drawn), prefilled, cached: hits };
}
