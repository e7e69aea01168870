/** Why a constraint is not taken: what is wrong with it, in words that go behind the name of the request's field. */
export class GrammarError extends Error {
  /** Whether it is well formed, but more than what is offered. */
  readonly isUnsupported: boolean;
  /** The field that is to blame, where that is another than the constraint's. */
  readonly field: string | undefined;

  constructor(
    message: string,
    {
      isUnsupported = false,
      field,
    }: { readonly isUnsupported?: boolean; readonly field?: string | undefined } = {},
  ) {
    super(message);
    this.name = "GrammarError";
    this.isUnsupported = isUnsupported;
    this.field = field;
  }
}

/** Reads what a field gives. @throws GrammarError that names the field, where there is one */
export function ofField<Value>(field: string | undefined, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GrammarError) || field === undefined) throw error;
    const { message, isUnsupported } = error;
    throw new GrammarError(message, { isUnsupported, field });
  }
}

export const unsupported = (message: string): GrammarError =>
  new GrammarError(message, { isUnsupported: true });

/** What ends work that a hostile or merely huge constraint would make endless. */
export const tooLarge = (): GrammarError =>
  unsupported(
    "asks for more states than are kept of one constraint. Make it smaller: fewer alternatives, shorter repetitions",
  );

/** Reads what may nest deeper than the stack reaches. @throws GrammarError where it does */
export function withinStack<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw error instanceof RangeError ? tooLarge() : error;
  }
}
