import type { Fields, Values } from "./field.ts";
import type { ReportDeclaration } from "./report.ts";

/** What a request leaves open, the model's own files decide. */
export interface SamplerDefaults {
  readonly alpha: number;
  readonly mcmcSteps: number | undefined;
  readonly blockSize: number | undefined;
}

/** What the settings of a sampler may depend on beside its own fields. */
export interface SettingsContext {
  readonly defaults: SamplerDefaults;
  readonly vocabularySize: number;
  /** Most tokens of the completion. */
  readonly maxTokens: number;
  /** Strings that end the completion. */
  readonly stop: readonly string[];
  /** Completions generated for each prompt, and how many of them are shown. */
  readonly candidates: number;
  readonly n: number;
}

/**
 * What is known of a sampler wherever requests and answers are read: the API's schemas and refusals, the client, the
 * playground, the evaluation and the docs derive from it. How it decodes stands beside it (`decoders.ts`), out of the
 * reach of browsers.
 */
export interface Sampler<
  Own extends Fields = Fields,
  Settings extends object = object,
  Report extends ReportDeclaration | undefined = ReportDeclaration | undefined,
> {
  /** What the playground calls it. */
  readonly label: string;
  /** How it chooses tokens, as a sentence for those who do not know its method by name. */
  readonly summary: string;
  /** The fields that mean something to it; a request with any other sampler's is refused. */
  readonly fields: Own;
  /** What to do instead of another sampler's field, by its name. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Whether it proposes whole completions step by step: it reports progress, and there is something to watch. */
  readonly isChain?: boolean;
  /** How an engine has to tell log Z, where it weighs what it draws by it. */
  readonly needsLogZ?: "exact" | "interval";
  /** Whether every seed gives the same completion. */
  readonly ignoresSeed?: boolean;
  /** Whether the completions of a prompt are no draws but the best that a search found, in their order. */
  readonly ranksChoices?: boolean;
  readonly report: Report;
  /**
   * What the fields say, and the defaults of those that are left out.
   * @throws InferenceError `invalid_request` naming the field at fault
   */
  settle(given: Values<Own>, context: SettingsContext): Settings;
  /**
   * Completions that it holds side by side while it draws one; 1 when left out.
   * @param candidates completions generated for each prompt
   */
  held?(given: Values<Own>, defaults: SamplerDefaults, candidates: number): number;
  /**
   * What it remembers beside them while it draws one of so many tokens, as the tokens of an answer that take as much
   * memory; 0 when left out.
   */
  remembers?(given: Values<Own>, maxTokens: number): number;
  /** 1/τ of the law q that it draws tokens from: log q = (1/τ)·log p − log Z. */
  inverseTemperature(settings: Settings): number;
  /** The fields of OpenAI's API that ask another server for the same; left out where it has none. */
  plainFields?(given: Values<Own>): Readonly<Record<string, unknown>>;
}

/** Infers the types of a declaration. */
export const declareSampler = <
  Own extends Fields,
  Settings extends object,
  Report extends ReportDeclaration | undefined,
>(
  sampler: Sampler<Own, Settings, Report>,
): Sampler<Own, Settings, Report> => sampler;
