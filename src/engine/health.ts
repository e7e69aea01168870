import type { TopTokens } from "../core/tokens.ts";

/** How an engine is, for operators. */
export interface EngineHealth {
  readonly status: "ok" | "failed";
  /** Why, when failed. */
  readonly reason?: string;
  /** Tokens fed through the model since the start. */
  readonly evaluatedTokens: number;
  /** What engines of its kind alone have to say. */
  readonly details?: EngineDetails;
}

/** By kind of engine; a new kind adds its own. */
export type EngineDetails = LocalDetails | RemoteDetails;

/** What an engine of this process says; `undefined` for others. */
export const localDetails = ({ details }: Pick<EngineHealth, "details">): LocalDetails | undefined =>
  details?.kind === "local" ? details : undefined;

/** What an engine of a server elsewhere says; `undefined` for others. */
export const remoteDetails = ({ details }: Pick<EngineHealth, "details">): RemoteDetails | undefined =>
  details?.kind === "remote" ? details : undefined;

/**
 * What products with weights, which are most of a pass, are computed in. For int8 the activations of a pass are rounded
 * to 8 bits as well: a last bit that another shape of pass moves can flip such a rounding, and grow to tenths of a nat.
 */
export type ProductType = "int8" | "fp16" | "fp32";

/** What decode passes take by rows, and prefill passes by tokens; ms, 0 for what is not known. */
export interface PassTimesReport {
  readonly decode: { readonly rows: number; readonly ms: number }[];
  readonly prefill: { readonly tokens: number; readonly ms: number }[];
}

/** Tokens that were foretold and run along with those before them, and how many of them were drawn. */
export interface SpeculationHealth {
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
}

/** An engine in this process, over one model runner. */
export interface LocalDetails {
  readonly kind: "local";
  readonly lanes: { readonly total: number; readonly leased: number };
  /** Sequences open, and among them those that wait for a lane. */
  readonly sequences: { readonly open: number; readonly waiting: number };
  readonly prefixStore: {
    readonly bytes: number;
    readonly maxBytes: number;
    readonly hitTokens: number;
    readonly queryTokens: number;
  };
  /** Forward passes run since the start. */
  readonly passes: number;
  /** Times that a sequence lost its lane to one of another request while it was pulled. */
  readonly preemptions: number;
  readonly passTimes: PassTimesReport;
  readonly speculation: SpeculationHealth;
  readonly compute: ProductType;
}

export interface LocalHealth extends EngineHealth {
  readonly details: LocalDetails;
}

/** What tells the model of a server elsewhere from another model. Plain data: a worker that replaces another is given it. */
export interface ServerMark {
  /** What the server says of its model. */
  readonly identity: string;
  /** The likeliest tokens after a prompt that is always the same. */
  readonly fingerprint: TopTokens;
  /** How far their log-probs may be from another time's on average, nats. */
  readonly tolerance: number;
}

/** A server elsewhere that runs the model. */
export interface RemoteDetails {
  readonly kind: "remote";
  /** What it speaks, where it is, without its key, and what it calls the model. */
  readonly server: { readonly dialect: string; readonly url: string; readonly model: string };
  readonly mark: ServerMark;
  /** Sequences open, and among them those that wait for a connection. */
  readonly sequences: { readonly open: number; readonly waiting: number };
  /** Calls under way, and the most that may be. */
  readonly calls: { readonly open: number; readonly most: number };
  readonly totals: RemoteTotals;
  /** ms from one token of a stream to the next, by the calls under way; 0 for what is not known. */
  readonly tokenTimes: { readonly calls: number; readonly ms: number }[];
}

/** Since the start. */
export interface RemoteTotals {
  readonly calls: number;
  /** Calls asked again, or continued from the last token that came, after the server or the network failed. */
  readonly retries: number;
  /** Calls ended before the server was through: of proposals rejected early, of clients that left, of texts that ended. */
  readonly aborts: number;
  /** Calls for more of the likeliest tokens. */
  readonly refinements: number;
  /** Tokens that the server drew, those that no caller pulled among them. */
  readonly drawnTokens: number;
  /** Tokens of prompts that calls carried, and among them those that the server says it had cached; 0 where it does not. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Time of calls, ms: theirs side by side count each. */
  readonly callMs: number;
}
