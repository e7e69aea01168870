import { ClientError } from "../../src/client/client.ts";
import { byId } from "./dom.ts";

/** The one place where it is said what went wrong: it stands in the field that is at fault, or at the form's end. */
const problem = byId("problem");
const form = byId<HTMLFormElement>("settings");
let faulty: HTMLElement | undefined;

export function clearProblem(): void {
  problem.hidden = true;
  for (const name of ["aria-invalid", "aria-describedby"]) faulty?.removeAttribute(name);
  faulty = undefined;
}

export function showProblem(error: unknown): void {
  clearProblem();
  const message = error instanceof Error ? error.message : String(error);
  const isLost = error instanceof ClientError && ["connection_lost", "unreachable"].includes(error.code);
  problem.textContent = isLost ? `${message} Run again once it is back.` : message;
  faulty = error instanceof ClientError ? controlOf(error.param) : undefined;
  (faulty?.closest(".field") ?? form).append(problem);
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
  faulty?.setAttribute("aria-invalid", "true");
  faulty?.setAttribute("aria-describedby", problem.id);
  faulty?.focus();
}

/** The control of a request's field, or of the one that it is a part of (`prompt` for `prompt[0]`), where it is shown. */
function controlOf(param = ""): HTMLElement | undefined {
  for (let name = param; name !== ""; name = name.replace(/(?:^|[.[])[^.[]*$/, "")) {
    const control = form.elements.namedItem(name);
    if (control instanceof HTMLElement && control.closest("[hidden]") === null) return control;
  }
  return undefined;
}
