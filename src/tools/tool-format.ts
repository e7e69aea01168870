/** How a model's text says that it calls tools; found out from what its chat template writes of earlier calls. */
export interface ToolFormat {
  /** What stands before the first call, as the template writes it; empty where an answer that begins as a call is one. */
  readonly before: string;
  /** Between two calls; `undefined` where an answer has one at most. */
  readonly between: string | undefined;
  /** After the last. */
  readonly after: string;
  readonly call: CallForm;
  /** Whether the template takes calls by names of nine letters and digits alone. */
  readonly hasShortIds: boolean;
}

/** A call itself: an object of a name and arguments, or a name with its arguments after it. */
export type CallForm =
  | { readonly type: "object"; readonly argumentsKey: "arguments" | "parameters" }
  | {
      readonly type: "named";
      /** Between the name and the call's id, where the model makes ids. */
      readonly idSeparator: string | undefined;
      /** Before the arguments. */
      readonly separator: string;
    };

/** What of a format is looked for in a text, whose white space is its model's own. */
export interface ToolMarks {
  /** Empty where calls are not announced. */
  readonly opening: string;
  /** Empty where the next opening, or the text's end, ends them. */
  readonly closing: string;
  /** Whether several calls stand in one list. */
  readonly isList: boolean;
}

export function marksOf({ before, after, call }: ToolFormat): ToolMarks {
  const [opening, closing] = [before.trim(), after.trim()];
  const isList = call.type === "object" && opening.endsWith("[") && closing.startsWith("]");
  return isList
    ? { opening: opening.slice(0, -1).trim(), closing: closing.slice(1).trim(), isList }
    : { opening, closing, isList };
}
