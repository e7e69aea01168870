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
export type EngineDetails = LocalDetails;

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
