import { signal } from "@preact/signals";
import { ClientError } from "../../../src/client/client.ts";

export interface Problem {
  readonly message: string;
  /** The control that is at fault, by its id; undefined where none is, or it is not shown. */
  readonly control: string | undefined;
}

/** What went wrong last: it is said once, in the field that is at fault, or at the form's end. */
export const problem = signal<Problem | undefined>(undefined);

/** Where the key is written: errors name no field of a request for it. */
export const keyControl = "api-key";

export const isKeyRefusal = (error: unknown): boolean =>
  error instanceof ClientError && error.code === "invalid_api_key";

/** What went wrong with one of several things that were asked for. */
export class ComparedError extends Error {
  constructor(subject: string, cause: unknown) {
    super(subject, { cause });
  }
}

export function showProblem(thrown: unknown): void {
  if (!(thrown instanceof ComparedError)) problem.value = problemOf(thrown);
  else {
    const { message, control } = problemOf(thrown.cause);
    problem.value = { message: `${thrown.message}: ${message}`, control };
  }
}

function problemOf(error: unknown): Problem {
  if (isKeyRefusal(error)) {
    const message = "This server answers to its own API keys alone: write one of them here.";
    return { message, control: keyControl };
  }
  if (!(error instanceof ClientError))
    return { message: error instanceof Error ? error.message : String(error), control: undefined };
  const isLost = ["connection_lost", "unreachable"].includes(error.code);
  const message = `${error.message}${isLost ? " Run again once it is back." : ""}`;
  return { message, control: controlOf(error.param) };
}

/** The control of a request's field, or of the one that it is a part of (`prompt` for `prompt[0]`), where it is shown. */
function controlOf(param = ""): string | undefined {
  for (let name = param; name !== ""; name = name.replace(/(?:^|[.[])[^.[]*$/, "")) {
    const control = document.getElementById(name);
    if (control !== null && control.closest("[hidden]") === null) return name;
  }
  return undefined;
}
