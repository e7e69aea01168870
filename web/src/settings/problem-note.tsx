import { useLayoutEffect } from "preact/hooks";
import { problem } from "../state/problem.ts";

/** What went wrong, in the field that is at fault. @param control its control's id; undefined at the form's end */
export function ProblemNote({ control }: { readonly control: string | undefined }) {
  const current = problem.value;
  const isHere = current !== undefined && current.control === control;
  // Before the note is seen, so that nobody finds it without the focus.
  useLayoutEffect(() => {
    if (!isHere) return;
    const note = document.getElementById("problem")!;
    const folded = note.closest("details");
    if (folded !== null) folded.open = true;
    note.scrollIntoView({ block: "nearest" });
    if (control !== undefined) document.getElementById(control)?.focus();
  }, [isHere ? current : undefined]);
  if (!isHere) return null;
  return (
    <p id="problem" class="problem" role="alert">
      {current.message}
    </p>
  );
}

/** What a control says of itself where it is at fault. */
export const faultOf = (control: string): { "aria-invalid"?: "true"; "aria-describedby"?: string } =>
  problem.value?.control === control ? { "aria-invalid": "true", "aria-describedby": "problem" } : {};
