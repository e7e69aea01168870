import type { Json } from "../core/json-value.ts";

/** Texts that a completion may be, as data. */
export type Language =
  /** JSON texts of the values that a schema allows. */
  | {
      readonly kind: "json_schema";
      readonly schema: Json;
      readonly isClosed: boolean;
      /** What says so, where that is another field than the constraint's. */
      readonly field?: string;
    }
  /** JSON texts of any object. */
  | { readonly kind: "json_object" }
  /** Texts that a regular expression matches as a whole. */
  | { readonly kind: "regex"; readonly pattern: string }
  /** One of some texts. */
  | { readonly kind: "choice"; readonly options: readonly string[] }
  /** What the rule `root` of a grammar in EBNF derives. */
  | { readonly kind: "grammar"; readonly grammar: string }
  /** One after the other; one of several; several of one. */
  | { readonly kind: "sequence"; readonly parts: readonly Language[] }
  | { readonly kind: "either"; readonly options: readonly Language[] }
  | { readonly kind: "repeat"; readonly of: Language; readonly least: number; readonly most?: number }
  /** Texts in which none of these stands. */
  | { readonly kind: "text_without"; readonly texts: readonly string[] };

/** What a request allows its completions to be. */
export interface Constraint {
  readonly language: Language;
  /** The field that says so, as errors name it. */
  readonly field: string;
  /** Texts that special tokens may write: those whose own text is part of one. Others are never part of an answer. */
  readonly marks?: readonly string[];
}
