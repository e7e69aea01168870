import type { TokenRun } from "../core/tokens.ts";
import type { Engine } from "../engine/engine.ts";
import type { Memos } from "../engine/memo/memos.ts";
import type { CompletionToken } from "../mcmc/completion.ts";
import type { Ends } from "./ends.ts";
import type { ChainTrace, GenerateRequest, Progress, SamplerReport } from "./completer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a decoder works with. */
export interface DecodeContext<Settings> {
  readonly request: GenerateRequest;
  readonly settings: Settings;
  readonly engine: Engine;
  readonly ends: Ends;
  readonly tokenizer: Tokenizer;
  readonly accelerations: Accelerations;
  /** See `CostTerms`. */
  readonly isIsolated: boolean;
  readonly signal: AbortSignal;
}

/** Each leaves the chain as it is, token for token; they can be switched off to see what they save. */
export interface Accelerations {
  readonly earlyRejection: boolean;
  readonly prefetch: boolean;
  /** What chains remember; `undefined` when switched off. */
  readonly memo: Memos | undefined;
}

export type DecodeEvent =
  | { readonly type: "tokens"; readonly tokens: TokenRun<CompletionToken> }
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "trace"; readonly trace: ChainTrace };

/** Yields tokens once they are final, and meanwhile how it gets on; returns what there is to say about how they came to be. */
export type Decoder<Settings> = (
  context: DecodeContext<Settings>,
) => AsyncGenerator<DecodeEvent, SamplerReport, undefined>;
